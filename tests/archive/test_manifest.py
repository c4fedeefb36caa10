"""Folders, manifests and rejected rows."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from gfpipe.archive.manifest import read
from gfpipe.archive.pattern import Pattern
from gfpipe.choices import DEFAULT_PATTERN, DateOrder
from gfpipe.errors import UsageError
from tests.archive.folders import archive


def manifest(folder: Path, *rows: str) -> Path:
    path = folder / "night.csv"
    path.write_text("path,channel,programme,start,end\n" + "\n".join(rows) + "\n")
    return path


def test_default_pattern(tmp_path: Path) -> None:
    contents = read(archive(tmp_path, "tv1/2001-03-04/2000_evening_news.ts"), DEFAULT_PATTERN, "Europe/Paris")
    (recording,) = contents.recordings
    assert (recording.channel, recording.programme, recording.timezone) == ("tv1", "evening_news", "Europe/Paris")
    assert recording.start.astimezone(UTC) == datetime(2001, 3, 4, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "path", "start"),
    [
        ("{channel}_{date}_{time}.{ext}", "tv1_20010304_203015.mp4", datetime(2001, 3, 4, 20, 30, 15)),
        ("{year}/{month}/{day}/{channel}-{hour}h{minute}.{ext}", "2001/03/04/tv1-07h05.ts", datetime(2001, 3, 4, 7, 5)),
        (
            "{channel}/{any}/{date}T{time}-{programme}.{ext}",
            "tv1/tape 7/2001.03.04T20-30-a b.mkv",
            datetime(2001, 3, 4, 20, 30),
        ),
    ],
)
def test_custom_patterns(pattern: str, path: str, start: datetime) -> None:
    match = Pattern(pattern).match(path)
    assert match is not None
    assert (match.channel, match.start) == ("tv1", start)


def test_repeated_fields_must_agree() -> None:
    pattern = Pattern("{channel}/{date}/{channel}_{time}.{ext}")
    assert pattern.match("tv1/2001-03-04/tv1_2000.ts")
    assert pattern.match("tv1/2001-03-04/tv2_2000.ts") is None


def test_invalid_date_does_not_match() -> None:
    assert Pattern(DEFAULT_PATTERN).match("tv1/2001-02-30/2000_news.ts") is None


@pytest.mark.parametrize("pattern", ["{kanal}/{date}/{time}.{ext}", "{channel}/{time}.{ext}"])
def test_invalid_pattern(pattern: str) -> None:
    with pytest.raises(UsageError, match="channel"):
        Pattern(pattern)


def test_missing_archive(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder or manifest"):
        read(tmp_path / "nowhere", DEFAULT_PATTERN, "UTC")


def test_archive_without_media(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recordings in it"):
        read(archive(tmp_path, "notes.txt"), DEFAULT_PATTERN, "UTC")


def test_pattern_without_match_names_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tape\.mp4.*--pattern"):
        read(archive(tmp_path, "tape.mp4"), DEFAULT_PATTERN, "UTC")


def test_file_without_match_is_rejected(tmp_path: Path) -> None:
    contents = read(archive(tmp_path, "tv1/2001-03-04/2000_news.ts", "tape.mp4"), DEFAULT_PATTERN, "UTC")
    assert len(contents.recordings) == 1
    assert contents.rejected[0].path.endswith("tape.mp4")
    assert "does not fit the pattern" in contents.rejected[0].problem


def test_folder_needs_time_zone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--timezone"):
        read(archive(tmp_path, "tv1/2001-03-04/2000_news.ts"), DEFAULT_PATTERN)


def test_unknown_time_zone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Mars/Base"):
        read(tmp_path, DEFAULT_PATTERN, "Mars/Base")


def test_hidden_and_other_files_are_ignored(tmp_path: Path) -> None:
    names = ("tv1/2001-03-04/2000_news.ts", "tv1/2001-03-04/.2100_news.ts", "tv1/2001-03-04/2000_news.srt")
    assert len(read(archive(tmp_path, *names), DEFAULT_PATTERN, "UTC").recordings) == 1


def test_csv_manifest(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.ts,tv1,news,2001-03-04T20:00:00+01:00,2001-03-04T20:30:00+01:00")
    (recording,) = read(path, DEFAULT_PATTERN).recordings
    assert recording.path == str(tmp_path / "a.ts")
    assert recording.scheduled_seconds == 1800
    assert recording.timezone == "+01:00"


def test_parquet_manifest(tmp_path: Path) -> None:
    row = {"path": "a.ts", "channel": "tv1", "programme": "news", "start": pd.Timestamp("2001-03-04T20:00Z")}
    pd.DataFrame([row]).to_parquet(tmp_path / "night.parquet")
    (recording,) = read(tmp_path / "night.parquet", DEFAULT_PATTERN).recordings
    assert recording.start == datetime(2001, 3, 4, 20, tzinfo=UTC)
    assert recording.scheduled_seconds is None


def test_duration_across_daylight_saving_time(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.ts,tv1,news,2001-03-25T01:00:00,2001-03-25T04:00:00")
    (recording,) = read(path, DEFAULT_PATTERN, "Europe/Paris").recordings
    assert recording.scheduled_seconds == 2 * 3600


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("b.ts,tv1,news,yesterday,", "line 3.*yesterday"),
        ("b.ts,,news,2001-03-04T21:00Z,", "line 3: channel is empty"),
        ("b.ts,tv1,news,2001-03-04T21:00,", "no time zone.*--timezone"),
        ("b.ts,tv1,news,2001-03-04T21:00Z,2001-03-04T20:00Z", "the end 2001-03-04 20:00:00 is not after the start"),
        ("b.ts,tv1,news,2001-03-04T20:00Z,", "same channel, start and programme as .*a.ts"),
    ],
)
def test_invalid_row_is_rejected(tmp_path: Path, row: str, problem: str) -> None:
    contents = read(manifest(tmp_path, "a.ts,tv1,news,2001-03-04T20:00Z,", row), DEFAULT_PATTERN)
    assert [Path(recording.path).name for recording in contents.recordings] == ["a.ts"]
    (rejected,) = contents.rejected
    assert re.search(problem, rejected.problem)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("path;channel;programme;start;end\r\na.ts;tv1;Été;13/03/2001 20:00;13/03/2001 20:30\r\n", "utf-8-sig"),
        ("sep=;\nPath;Channel;Programme;Start;End\na.ts;tv1;Été;36963,8333333;36963,8541667\n", "cp1252"),
        ("path\tchannel\tprogramme\tdate\tstart\tend\na.ts\ttv1\tÉté\t13.03.2001\t8:00 PM\t8:30 PM\n", "utf-16"),
        ("path,channel,programme,start,end,\na.ts,tv1,E\u0301te\u0301,2001-03-13 20:00,20:30,\n", "utf-8"),
    ],
)
def test_manifests_of_spreadsheets_are_read(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "night.csv").write_bytes(text.encode(encoding))
    (recording,) = read(tmp_path / "night.csv", DEFAULT_PATTERN, "Europe/Paris").recordings
    assert (recording.channel, recording.programme) == ("tv1", "Été")
    assert recording.scheduled_seconds == pytest.approx(1800, abs=0.02)
    assert abs(recording.start - datetime(2001, 3, 13, 19, tzinfo=UTC)).total_seconds() < 0.02


def test_a_row_with_an_unquoted_comma_is_rejected_by_line(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.ts,tv1,News, at seven,2001-03-04T20:00Z,", "b.ts,tv1,Film,2001-03-04T20:00Z,")
    contents = read(path, DEFAULT_PATTERN)
    assert [recording.programme for recording in contents.recordings] == ["Film"]
    assert contents.rejected[0].problem == (
        "night.csv, line 2: 6 cells in 5 columns; quote a cell that contains the separator, or end no row with a "
        "separator"
    )


def test_a_file_is_listed_once(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.ts,tv1,one,2001-03-04T20:00Z,", "./a.ts,tv1,two,2001-03-04T21:00Z,")
    contents = read(path, DEFAULT_PATTERN)
    assert [recording.programme for recording in contents.recordings] == ["one"]
    assert contents.rejected[0].problem.startswith("night.csv, line 3: the file is listed in night.csv, line 2 already")


def test_ambiguous_dates_are_rejected_unless_the_order_is_given(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.ts,tv1,one,01/03/2001 20:00,")
    with pytest.raises(UsageError, match=r"1 March 2001 \(day-first\) or 3 January 2001 \(month-first\)"):
        read(path, DEFAULT_PATTERN, "UTC")
    (recording,) = read(path, DEFAULT_PATTERN, "UTC", DateOrder.DAY_FIRST).recordings
    assert recording.start == datetime(2001, 3, 1, 20, tzinfo=UTC)


def test_times_that_occur_twice_or_never(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        "a.ts,tv1,across,2024-10-27 02:50,2024-10-27 02:10",
        "b.ts,tv1,second,2024-10-27 02:10,2024-10-27 02:20",
        "c.ts,tv1,gap,2024-03-31 02:30,2024-03-31 03:30",
    )
    contents = read(path, DEFAULT_PATTERN, "Europe/Paris")
    assert [(recording.programme, recording.scheduled_seconds) for recording in contents.recordings] == [
        ("across", 20 * 60),
        ("second", 10 * 60),
    ]
    assert contents.recordings[1].start.astimezone(UTC) == datetime(2024, 10, 27, 1, 10, tzinfo=UTC)
    assert "line 4: 2024-03-31 02:30 does not occur in Europe/Paris" in contents.rejected[0].problem


def test_paths_are_found_in_another_normal_form(tmp_path: Path) -> None:
    (tmp_path / "e\u0301.ts").touch()
    (recording,) = read(manifest(tmp_path, "\u00e9.ts,tv1,news,2001-03-04T20:00Z,"), DEFAULT_PATTERN).recordings
    assert Path(recording.path).exists()


def test_channels_in_two_normal_forms_are_one(tmp_path: Path) -> None:
    names = ("caf\u00e9/2001-03-04/2000_a.ts", "cafe\u0301/2001-03-04/2100_b.ts", "café/2001-03-04/2530_c.ts")
    contents = read(archive(tmp_path, *names), DEFAULT_PATTERN, "UTC")
    assert {recording.channel for recording in contents.recordings} == {"caf\u00e9"}
    assert contents.recordings[-1].start == datetime(2001, 3, 5, 1, 30, tzinfo=UTC)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    (tmp_path / "night.csv").write_text("file,start\na.ts,2001-03-04T20:00Z\n")
    with pytest.raises(UsageError, match="columns missing: path, channel, programme; it has file, start"):
        read(tmp_path / "night.csv", DEFAULT_PATTERN)


def test_selection_by_day_and_channel(tmp_path: Path) -> None:
    names = (
        "tv1/2001-03-04/2000_a.ts",
        "tv1/2001-03-05/2000_b.ts",
        "tv2/2001-03-05/2000_c.ts",
        "tv2/2001-03-06/2000_d.ts",
    )
    contents = read(archive(tmp_path, *names), DEFAULT_PATTERN, "Asia/Tokyo")
    night = contents.between(date(2001, 3, 5), date(2001, 3, 5))
    assert [recording.programme for recording in night.recordings] == ["b", "c"]
    assert [recording.programme for recording in night.on(["tv2"]).recordings] == ["c"]
    with pytest.raises(UsageError, match="tv1, tv2"):
        contents.on(["tv9"])
    with pytest.raises(UsageError, match="2001-03-04 to 2001-03-06"):
        contents.between(date(2002, 1, 1), None)


def test_recording_id_does_not_depend_on_path(tmp_path: Path) -> None:
    here = read(archive(tmp_path / "a", "tv 1/2001-03-04/2000_news.ts"), DEFAULT_PATTERN, "UTC").recordings[0]
    there = read(archive(tmp_path / "b", "tv 1/2001-03-04/2000_news.ts"), DEFAULT_PATTERN, "UTC").recordings[0]
    other = read(archive(tmp_path / "c", "tv-1/2001-03-04/2000_news.ts"), DEFAULT_PATTERN, "UTC").recordings[0]
    assert here.recording_id == there.recording_id
    assert here.recording_id != other.recording_id  # though both channels look the same in a file name


@pytest.mark.parametrize(
    ("name", "programmes", "refused"),
    [
        ("caps", ["Journal"], []),
        ("semicolon", ["Journal de l'été"], []),
        ("sepline", ["Journal"], []),
        ("ragged", ["News"], ["line 2: 5 cells in 4 columns"]),
        (
            "dst",
            ["autumn long"],
            ["line 9: 2024-03-31 02:30 does not occur", "line 12: the end", "line 3: the file is"],
        ),
        ("one_file_two_rows_and_midnights", ["late film"], ["line 3: the file is listed in"]),
    ],
)
def test_manifests_of_the_field_are_read_or_refused_by_line(
    shared: Path, name: str, programmes: list[str], refused: list[str]
) -> None:
    contents = read(shared / "field" / f"manifest_{name}.csv", DEFAULT_PATTERN, "Europe/Paris")
    assert [recording.programme for recording in contents.recordings] == programmes
    for row, text in zip(contents.rejected, refused, strict=False):
        assert text in row.problem
    assert bool(contents.rejected) == bool(refused)


def test_a_manifest_whose_rows_all_end_with_a_comma_is_refused_by_line(shared: Path) -> None:
    with pytest.raises(UsageError, match=r"manifest_trailing5\.csv, line 2: 6 cells in 5 columns.*end no row with"):
        read(shared / "field/manifest_trailing5.csv", DEFAULT_PATTERN, "Europe/Paris")


def test_hours_of_the_night_that_ends_summer_time_have_their_length(shared: Path, tmp_path: Path) -> None:
    """Rows of the field's manifest, each with a file of its own, as one file is listed once."""
    header, *rows = (shared / "field" / "manifest_dst.csv").read_text().splitlines()
    own = [row.replace("a.mp4", f"{number}.mp4") for number, row in enumerate(rows)]
    (tmp_path / "night.csv").write_text("\n".join([header, *own]))
    contents = read(tmp_path / "night.csv", DEFAULT_PATTERN, "Europe/Paris")
    lengths = {recording.programme: recording.scheduled_seconds for recording in contents.recordings}
    assert lengths["autumn long"] == 3 * 3600
    assert lengths["autumn across"] == 20 * 60
