"""Whatever is in a file: a value, or an error of gfpipe that names the file, and its line if it is a table."""

import gzip
import json
import lzma
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC
from encodings.aliases import aliases
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfpipe import settings
from gfpipe.archive import annotations, manifest, programmes
from gfpipe.archive.guides.guide import Guide
from gfpipe.archive.pattern import Pattern
from gfpipe.choices import DEFAULT_PATTERN
from gfpipe.errors import GfpipeError
from gfpipe.labelling.imports import inaface, label_csv, speech
from gfpipe.labelling.imports.recordings import KnownRecording, Recordings
from gfpipe.models import catalog, store
from gfpipe.models.card import Card
from gfpipe.tables import sheet
from gfpipe.training import recipe
from gfpipe.training.data.adapters import tables
from tests.parsers.inputs import damaged, edited, files, parquet, text, workbooks

Read = Callable[[Path], object]

COLUMNS: Final = (
    "path,channel,programme,date,start,end,recording,seconds,box,answer,labels,stop,perceived_gender,age,row"
)
ROW: Final = "a.ts,tv1,News,2024-10-27,13/10/2024 02:50,02:10,a.ts,1.5,1 2 30 40,female,music,2,female,31,1"
FACES: Final = (
    "frame,bbox,detect_conf,sex_decfunc,age_label,face_id\n"
    '25,"(1, 2, 3, 4)",0.5,0.1,31,1\n50,"(1, 2, 3, 4)",,-0.1,31,1\n'
)
CSV: Final = (
    f"{COLUMNS}\n{ROW}\n{ROW}\n",
    FACES,
    FACES.replace("25", "1e300").replace(",1\n", ",1e300\n"),
    "labels\tstart\tstop\nmusic\t0\t1.5\nfemale\t1.5\t2\n",
    "path;channel;programme;start;end\r\na.ts;tv1;Été;36963,83;7:00 PM\r\n",
    "channel,start,end\n,2024-03-31 02:30,2024-03-31 03:30\ntv1,01/03/2024,25:30\n",
)
XMLTV: Final = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tv SYSTEM "xmltv.dtd">
<tv><channel id="tv1.fr"><display-name>TV 1</display-name></channel>
<programme start="20240307190000 +0100" stop="20240307193000 +0100" channel="tv1.fr"><title>Été &amp;
&eacute;</title></programme>
<programme start="20240307193000" channel="tv1.fr"><title lang="fr">Film</title></programme></tv>
"""
EPG: Final = "C S19.2E-1-1-1 TV 1\nE 1 1709834400 1800 4E 1\nT News\ne\nc\n"
RECIPE: Final = (recipe.BUILT_IN / "mobilenetv2.toml").read_text(encoding="utf-8")
DERIVED: Final = (
    'base = "mobilenetv2"\ntitle = "x"\n[[stages]]\nname = "people"\nepochs = 2\n[split]\nvalidation = 0.2\n'
)
SITE: Final = (
    'archive = "a"\nlake = "b"\ntimezone = "Europe/Paris"\nworkers = 2\n[analysis]\nevery_seconds = 1.0\n'
    '[counting]\nmin_face = 20\n[crops]\nexpires = "30d"\n[limits]\nstall_seconds = 10\n'
)
CARD: Final = next(entry.card for entry in catalog.read().values() if entry.card and entry.card.heads)

TABLES: Final[dict[str, Read]] = {
    "manifest": lambda file: manifest.read(file, DEFAULT_PATTERN, "Europe/Paris"),
    "programmes": programmes.read,
    "exclusions": lambda file: annotations.exclusions(file, [("tv1", "Europe/Paris"), ("tv2", "+02:00")]),
    "classes": lambda file: annotations.classes(file, "channel", ["hour"]),
    "labels": lambda file: label_csv.read(file, Recordings([KnownRecording("a", "/x/a.ts", 60.0, 100, 100)])),
    "speech": lambda file: speech.read(file, 60.0),
    "faces": inaface.read,
    "data set": tables.read,
}
literals = st.one_of(
    st.sampled_from(
        [
            "0x" + "f" * 5000,
            "-1",
            "nan",
            "-inf",
            "1e999",
            "[]",
            "[[]]",
            "{}",
            "{a = 1}",
            '""',
            "1979-05-27",
            "07:32:00",
            "true",
        ]
    ),
    st.integers().map(str),
    st.floats().map(str),
    text.map(json.dumps),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text
    | st.sampled_from(["\ud800", "a" * 300])
    | st.just(5000).map(lambda digits: 10**digits),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inputs")


def survives(read: Read, file: Path, data: bytes) -> Any:
    """What a parser makes of a file: a value, or None after an error of gfpipe that names the file."""
    file.write_bytes(data)
    try:
        return read(file)
    except GfpipeError as exc:
        error = str(exc)
    assert file.name in error
    return None


@pytest.mark.parametrize("reader", TABLES)
@given(data=st.data())
def test_tables(folder: Path, reader: str, data: st.DataObject) -> None:
    headings = COLUMNS.split(",")
    kinds = {"table.csv": files(CSV), "table.xlsx": workbooks(headings) | damaged(workbooks(headings))}
    if reader in ("manifest", "programmes", "data set"):
        kinds["table.parquet"] = parquet(headings) | parquet([*headings, "Path"]) | damaged(parquet(headings))
    name = data.draw(st.sampled_from(sorted(kinds)))
    found = survives(TABLES[reader], folder / name, data.draw(kinds[name]))
    if reader == "manifest" and found:
        for rejected in found.rejected:
            assert re.search(rf"{name}, (line|row) [0-9]+: ", rejected.problem)


@given(data=files(CSV) | workbooks(["path", "title"]))
def test_refused_rows_have_a_line(folder: Path, data: bytes) -> None:
    found = survives(sheet.read, folder / "table.csv", data)
    for row in found.refused if found else ():
        assert re.match(r"table\.csv, (line|row) [0-9]+: .", str(row))


@pytest.mark.parametrize("name", ["guide.xml", "epg.data"])
@given(data=st.data())
def test_programme_guides(folder: Path, name: str, data: st.DataObject) -> None:
    known = {"guide.xml": XMLTV, "epg.data": EPG}[name]
    encoding = data.draw(st.sampled_from(sorted(set(aliases.values()))) | text)
    content = data.draw(files([known, known.replace("UTF-8", encoding)]))
    packs: tuple[Callable[[bytes], bytes], ...] = (bytes, gzip.compress, lzma.compress)
    pack = data.draw(st.sampled_from(packs))
    packed = pack(content)
    cut = packed[: data.draw(st.sampled_from((len(packed), len(packed) // 2)))]
    guide = survives(lambda file: Guide.read(file, UTC), folder / name, cut)
    for channel in guide.channels() if guide else ():
        for broadcast in guide._broadcasts[channel]:
            assert guide.at(channel, broadcast.start)


def with_a_value(content: str) -> st.SearchStrategy[bytes]:
    """A TOML file in which one value is another."""
    assignments = list(re.finditer(r"(?m)(?<== ).*$", content))

    def replaced(match: re.Match[str], value: str) -> bytes:
        return (content[: match.start()] + value + content[match.end() :]).encode("utf-8", "replace")

    return st.builds(replaced, st.sampled_from(assignments), literals)


@pytest.mark.parametrize(
    ("name", "texts", "load"),
    [
        ("a.toml", (RECIPE, DERIVED), recipe.load),
        ("gfpipe.toml", (SITE,), settings.load),
        ("gfpipe.toml", (SITE,), settings.origins),
    ],
)
@given(data=st.data())
def test_recipes_and_settings(folder: Path, name: str, texts: Sequence[str], load: Read, data: st.DataObject) -> None:
    survives(load, folder / name, data.draw(st.one_of(files(texts), *map(with_a_value, texts))))


@given(data=files([CARD.to_json()]))
def test_cards(folder: Path, data: bytes) -> None:
    survives(lambda file: store.card(file.parent), folder / "card.json", data)


@given(data=st.data())
def test_cards_with_any_values(data: st.DataObject) -> None:
    content = asdict(CARD)
    place = content
    while isinstance(inner := place[key := data.draw(st.sampled_from(sorted(place)))], dict) and inner:
        place = inner
    place[key] = data.draw(values)
    try:
        assert Card.from_mapping(content).id == content["id"]
    except GfpipeError:
        return


@given(
    path=edited(["tv1/2024-10-27/2530_news.ts", "tv1/2024-02-29/2000_a_b.part01.ts"]), pattern=edited([DEFAULT_PATTERN])
)
def test_patterns_and_paths(path: str, pattern: str) -> None:
    for one in (DEFAULT_PATTERN, pattern):
        try:
            Pattern(one).match(path)
        except GfpipeError as exc:
            message = str(exc)
        else:
            continue
        assert "pattern" in message
