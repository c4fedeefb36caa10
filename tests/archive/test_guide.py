"""Programme guides: XMLTV and VDR's epg.data, and the recordings that they name."""

import gzip
import lzma
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gfpipe.archive.guides.guide import Guide
from gfpipe.archive.manifest import Manifest, read
from gfpipe.errors import UsageError
from tests.archive.folders import archive

PATTERN = "{channel}/{date}/{time}.{ext}"
CHANNELS = '<channel id="one.example"><display-name lang="en">Channel One</display-name></channel>'
NEWS = ("20240101201500 +0100", "20240101203000 +0100", "News")
FILM = ("20240101203000 +0100", "20240101223000 +0100", "A Film")


def programme(start: str, stop: str | None, title: str, channel: str = "one.example") -> str:
    end = f' stop="{stop}"' if stop else ""
    return f'<programme start="{start}"{end} channel="{channel}"><title>{title}</title></programme>\n'


def xmltv(*programmes: tuple[str, str | None, str], channels: str = CHANNELS, head: str = "") -> str:
    doctype = '<!DOCTYPE tv SYSTEM "xmltv.dtd">\n'
    return f"{head}{doctype}<tv>\n{channels}\n{''.join(programme(*each) for each in programmes)}</tv>\n"


def listed(folder: Path, guide: str | bytes, *names: str, zone: str | None = None, file: str = "guide.xml") -> Manifest:
    path = folder / file
    path.write_bytes(guide if isinstance(guide, bytes) else guide.encode())
    names = names or ("channel_one/2024-01-01/2015.ts",)
    return read(archive(folder / "archive", *names), PATTERN, "Europe/Paris", None, path, zone)


def titles(manifest: Manifest) -> list[str]:
    return [recording.programme for recording in manifest.recordings]


def test_recordings_get_the_programme_of_their_channel_and_time(tmp_path: Path) -> None:
    names = ("channel_one/2024-01-01/2013.ts", "channel_one/2024-01-01/2034.ts", "channel_one/2024-01-01/2130.ts")
    found = listed(tmp_path, xmltv(NEWS, FILM), *names)
    assert titles(found) == ["News", "A Film", "A Film"]  # early, late, and in the middle
    assert found.notes == ()


def test_the_end_comes_from_the_guide_if_the_recording_begins_with_its_programme(tmp_path: Path) -> None:
    names = ("one.example/2024-01-01/2013.ts", "one.example/2024-01-01/2030.ts", "one.example/2024-01-01/2130.ts")
    lengths = [recording.scheduled_seconds for recording in listed(tmp_path, xmltv(NEWS, FILM), *names).recordings]
    assert lengths == [17 * 60, 60 * 60, None]  # to the end; to the next recording; begins in the middle


def test_programmes_and_ends_of_a_manifest_stay(tmp_path: Path) -> None:
    (tmp_path / "guide.xml").write_text(xmltv(NEWS, FILM))
    night = tmp_path / "night.csv"
    night.write_text(
        "path,channel,programme,start,end\n"
        "a.ts,Channel One,Bulletin,2024-01-01 20:15,20:20\n"
        "b.ts,Channel One,,2024-01-01 20:30,\n"
    )
    first, second = read(night, PATTERN, "Europe/Paris", None, tmp_path / "guide.xml").recordings
    assert (first.programme, first.scheduled_seconds) == ("Bulletin", 300)
    assert (second.programme, second.scheduled_seconds) == ("A Film", 7200)


@pytest.mark.parametrize(
    ("name", "compressed"), [("a.xml.gz", gzip.compress), ("a.xml.xz", lzma.compress), ("guide", gzip.compress)]
)
def test_compressed_files_are_recognised_by_their_bytes(
    tmp_path: Path, name: str, compressed: Callable[[bytes], bytes]
) -> None:
    assert titles(listed(tmp_path, compressed(xmltv(NEWS).encode()), file=name)) == ["News"]


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "iso-8859-15", "windows-1252", "koi8-r", "shift_jis", "gb18030"],
)
def test_any_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    title = {"koi8-r": "Новости", "shift_jis": "ニュース", "gb18030": "新闻"}.get(encoding, "Soirée")
    head = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>\n'
    text = xmltv((*NEWS[:2], title), head=head)
    assert titles(listed(tmp_path, text.encode(encoding))) == [title]


def test_a_missing_end_is_the_start_of_the_next_programme(tmp_path: Path) -> None:
    guide = xmltv((NEWS[0], None, "News"), (FILM[0], None, "A Film"))
    names = ("channel one/2024-01-01/2015.ts", "channel one/2024-01-01/2030.ts", "channel one/2024-01-01/2130.ts")
    found = listed(tmp_path, guide, *names)
    assert titles(found) == ["News", "A Film", "channel one"]
    assert [recording.scheduled_seconds for recording in found.recordings] == [900, None, None]
    assert "names 2 of 3 recordings" in found.notes[-1]


def test_of_overlapping_programmes_the_one_that_began_last_is_on_air(tmp_path: Path) -> None:
    guide = xmltv(("20240101180000 +0000", "20240101230000 +0000", "Sport"), (FILM[0], FILM[1], "A Film"))
    names = ("one.example/2024-01-01/2000.ts", "one.example/2024-01-01/2200.ts", "one.example/2024-01-01/2300.ts")
    assert titles(listed(tmp_path, guide, *names)) == ["Sport", "A Film", "Sport"]


def test_times_without_an_offset_are_utc_and_said_to_be(tmp_path: Path) -> None:
    guide = xmltv(("20240101191500", "20240101193000", "News"))
    found = listed(tmp_path, guide)
    assert titles(found) == ["News"]
    assert found.notes == (
        "guide.xml: 2 times have no offset from UTC; they are read as UTC. Give --guide-timezone if they are in "
        "another zone",
    )


def test_guide_timezone_decides_times_without_an_offset(tmp_path: Path) -> None:
    guide = xmltv(("20240101201500", None, "News"), ("202401012045", None, "A Film"))
    assert titles(listed(tmp_path, guide, zone="Europe/Paris")) == ["News"]


def test_invalid_programmes_are_left_out_by_line(tmp_path: Path) -> None:
    wrong = [
        ("20240101201500 +0100", "20240101201500 +0100", "No time"),
        ("tonight", None, "No start"),
        ("20240101201500 BST", None, "A zone by name"),
        ("20240101201500 +0100", None, ""),
    ]
    found = listed(tmp_path, xmltv(*wrong, NEWS))
    assert titles(found) == ["News"]
    assert "guide.xml, line 4: its end 2024-01-01 20:15:00 +0100 is not after its start" in found.notes[0]
    assert "guide.xml, line 5: 'tonight' is not a time" in found.notes[0]
    assert "line 6: '20240101201500 BST'" in found.notes[0]
    assert found.notes[0].endswith("; and 1 more")


def test_two_programmes_that_begin_together_are_reported(tmp_path: Path) -> None:
    found = listed(tmp_path, xmltv(NEWS, (*NEWS[:2], "Weather")))
    assert titles(found) == ["News"]
    assert "line 5: it begins together with 'News', guide.xml, line 4" in found.notes[0]


def test_a_channel_that_the_guide_lacks_is_reported(tmp_path: Path) -> None:
    found = listed(tmp_path, xmltv(NEWS), "channel_one/2024-01-01/2015.ts", "tv9/2024-01-01/2015.ts")
    assert titles(found) == ["News", "tv9"]
    assert "has no programmes of tv9; its channels are one.example" in found.notes[0]


def test_a_name_of_two_channels_is_refused(tmp_path: Path) -> None:
    both = CHANNELS + CHANNELS.replace("one.example", "one.hd.example")
    guide = xmltv(NEWS, channels=both).replace("</tv>", programme(*NEWS, channel="one.hd.example") + "</tv>")
    with pytest.raises(UsageError, match=r"'channel_one' is a name of the channels one\.example, one\.hd\.example"):
        listed(tmp_path, guide)
    by_id = archive(tmp_path / "other", "one.hd.example/2024-01-01/2015.ts")
    assert titles(read(by_id, PATTERN, "Europe/Paris", None, tmp_path / "guide.xml")) == ["News"]


def test_of_a_folder_the_later_file_counts_for_the_time_that_it_covers(tmp_path: Path) -> None:
    folder = tmp_path / "guides"
    folder.mkdir()
    (folder / "2024-01-01.xml").write_text(xmltv(NEWS, FILM))
    moved = ("20240101204500 +0100", "20240101224500 +0100", "A Film")
    (folder / "2024-01-02.xml").write_text(xmltv(("20240101203000 +0100", moved[0], "Special"), moved))
    names = ("channel_one/2024-01-01/2015.ts", "channel_one/2024-01-01/2030.ts", "channel_one/2024-01-01/2100.ts")
    found = read(archive(tmp_path / "archive", *names), PATTERN, "Europe/Paris", None, folder)
    assert titles(found) == ["News", "Special", "A Film"]


def test_entities_of_html_are_read_and_unknown_ones_reported(tmp_path: Path) -> None:
    guide = xmltv((*NEWS[:2], "Soir&eacute;e &amp; more"), (*FILM[:2], "A &film;"))
    found = listed(tmp_path, guide)
    assert titles(found) == ["Soirée & more"]
    assert "line 5: its title 'A …' contains an entity that is not defined" in found.notes[0]


LAUGHS = "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "declaration",
    [
        f'<!ENTITY lol0 "lol">{LAUGHS}',
        '<!ENTITY file SYSTEM "file:///etc/hostname">',
        '<!ENTITY % file SYSTEM "a.dtd">',
    ],
)
def test_declared_entities_are_refused_by_name(tmp_path: Path, declaration: str) -> None:
    guide = f"<!DOCTYPE tv [\n{declaration}]>\n<tv>{programme(*NEWS)}</tv>"
    with pytest.raises(UsageError, match=r"guide\.xml: .*line 2: it declares the entity '(lol0|file)'"):
        listed(tmp_path, guide)


def test_no_other_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "xmltv.dtd")  # opening it would block
    assert titles(listed(tmp_path, xmltv(NEWS))) == ["News"]


def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gfpipe.archive.guides.files._LARGEST", 1_000_000)
    bomb = gzip.compress(b"<tv>" + b" " * 2_000_000 + b"</tv>")
    with pytest.raises(UsageError, match="it has more than 1 MB"):
        listed(tmp_path, bomb)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<tv>\n<channel id='a'>\n", "line 3: it is not well-formed XML"),
        ("<?xml version='1.0' encoding='utf-8'?><tv>é</tv>".encode("latin-1"), "line 1: it is not well-formed XML"),
        (b"<?xml version='1.0' encoding='shift_jis'?><tv>\x81</tv>", "it is not text in shift_jis"),
        (b"<?xml version='1.0' encoding='rot13'?><tv/>", "unknown encoding rot13"),
        (b"<?xml version='1.0' encoding='klingon'?><tv/>", "unknown encoding klingon"),
        (b"<rss></rss>", "not XMLTV: its first element is 'rss'"),
        (gzip.compress(b"<tv></tv>" * 1000, mtime=0)[:-12], "cannot be read as a programme guide"),
        (b"path,channel\n", "neither XMLTV nor VDR's epg.data"),
        (b"", "neither XMLTV nor VDR's epg.data"),
    ],
)
def test_other_and_damaged_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UsageError) as error:
        listed(tmp_path, content)
    assert str(error.value).startswith(f"{tmp_path / 'guide.xml'}: ")
    assert message in str(error.value)


def test_a_missing_guide_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.xml: cannot be read as a programme guide: No such file"):
        Guide.read(tmp_path / "none.xml")


EPG = """C S19.2E-1-1019-10301 Channel One
E 4711 1704136500 900 4E 1B
T News
S From the studio
D Everything of the day
e
E 4712 1704137400 7200 4E 1B
T Ein Fünftel
e
E 4713 later 7200 4E 1B
T Broken
e
c
"""


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_epg_data_of_vdr_is_read(tmp_path: Path, encoding: str) -> None:
    names = ("Channel One/2024-01-01/2015.ts", "Channel One/2024-01-01/2028.ts")
    found = listed(tmp_path, EPG.encode(encoding), *names, file="epg.data")
    assert titles(found) == ["News", "Ein Fünftel"]
    assert found.recordings[0].start.astimezone(UTC) == datetime(2024, 1, 1, 19, 15, tzinfo=UTC)
    assert found.recordings[1].scheduled_seconds == 7320
    assert "epg.data, line 10: " in found.notes[0]


def test_a_reply_of_vdrs_server_is_read(tmp_path: Path) -> None:
    reply = "".join(f"215-{line}\n" for line in EPG.splitlines()[:6]) + "215 End of EPG data\n"
    assert titles(listed(tmp_path, reply, "Channel One/2024-01-01/2015.ts", file="epg.data")) == ["News"]


def test_an_event_without_an_end_is_reported(tmp_path: Path) -> None:
    cut = EPG[: EPG.index("T Ein")]
    found = listed(tmp_path, cut, "Channel One/2024-01-01/2015.ts", file="epg.data")
    assert "line 7: the file ends within an event" in found.notes[0]
