"""Parsers of what people write: any input ends in a value or an error of gfpipe, never in another exception."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from gfpipe import settings
from gfpipe.archive import annotations, manifest, programmes
from gfpipe.archive.pattern import Pattern
from gfpipe.choices import DEFAULT_PATTERN
from gfpipe.errors import GfpipeError
from gfpipe.labelling.imports import inaface, label_csv, speech
from gfpipe.labelling.imports.recordings import KnownRecording, Recordings
from gfpipe.models import catalog, store
from gfpipe.tables import times
from gfpipe.tables.formulas import guarded, unguarded
from gfpipe.training import recipe

MUTANTS: Final = 60  # of each seed
TOKENS: Final = (
    *("", ",", ";", "\t", '"', '""', "\n", "\r", "'", "=", "-", "\ufeff", "\0", "é", "e\u0301", "\u202e", "٣", "²"),
    *("nan", "inf", "-1", "1e999", "9" * 30, "9" * 5000, "0000-00-00", "99/99/9999", "24:60", "+99:99", "Z"),
    *(
        "{",
        "}",
        "{x}",
        "[",
        "[[",
        "null",
        "true",
        "1979-05-27T07:32:00Z",
        "\\u0000",
        "\ud800",
        "sep=;\n",
        "sep=\n",
        "[" * 9000,
        "~nobody/a",
    ),
)
COLUMNS: Final = "path,channel,programme,date,start,end,recording,seconds,box,answer,labels,stop"
ROW: Final = "a.ts,tv1,News,2024-10-27,13/10/2024 02:50,02:10,a.ts,1.5,1 2 30 40,female,music,2"
FACES: Final = 'frame,bbox,detect_conf,sex_decfunc,face_id\n25,"(1, 2, 3, 4)",0.5,0.1,1\n50,"(1, 2, 3, 4)",,-0.1,1\n'
TABLES: Final = (
    f"{COLUMNS}\n{ROW}\n{ROW}\n",
    FACES,
    "path;channel;programme;start;end\r\na.ts;tv1;Été;36963,83;7:00 PM\r\n",
    "channel,start,end\n,2024-03-31 02:30,2024-03-31 03:30\ntv1,01/03/2024,25:30\n",
)
RECIPE: Final = (recipe.BUILT_IN / "mobilenetv2.toml").read_text(encoding="utf-8")
SITE: Final = 'archive = "a"\nlake = "b"\ntimezone = "Europe/Paris"\n[analysis]\nevery_seconds = 1.0\n'
CARD: Final = next(entry.card for entry in catalog.read().values() if entry.card).to_json()


def mutants(text: str, seed: int) -> Iterator[bytes]:
    """The text with tokens inserted, pieces removed, repeated or exchanged, and bytes changed."""
    rng = random.Random(seed)
    yield text.encode()
    for _ in range(MUTANTS):
        mutant = text
        for _ in range(rng.randint(1, 4)):
            first, last = sorted(rng.randint(0, len(mutant)) for _ in range(2))
            piece = rng.choice((rng.choice(TOKENS), mutant[first:last] * rng.randint(0, 2)))
            mutant = mutant[:first] + piece + mutant[rng.choice((first, last)) :]
        data = bytearray(mutant.encode(rng.choice(("utf-8", "utf-8-sig", "utf-16", "latin-1")), errors="replace"))
        for _ in range(rng.choice((0, 0, 1, 8))):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        yield bytes(data)


def survives(parse: Callable[[Any], object], value: object, source: object, expected: type[Exception]) -> None:
    try:
        parse(value)
    except expected:
        return
    except Exception as exc:
        raise AssertionError(f"{type(exc).__name__}: {exc} for {source!r}") from exc


READERS: Final[dict[str, Callable[[Path], object]]] = {
    "manifest": lambda file: manifest.read(file, DEFAULT_PATTERN, "Europe/Paris"),
    "programmes": programmes.read,
    "exclusions": lambda file: annotations.exclusions(file, [("tv1", "Europe/Paris"), ("tv2", "+02:00")]),
    "classes": lambda file: annotations.classes(file, "channel", ["hour"]),
    "labels": lambda file: label_csv.read(file, Recordings([KnownRecording("a", "/x/a.ts", 60.0, 100, 100)])),
    "speech": lambda file: speech.read(file, 60.0),
    "faces": inaface.read,
}


@pytest.mark.parametrize("reader", READERS)
def test_tables(tmp_path: Path, reader: str) -> None:
    file = tmp_path / "table.csv"
    for seed, text in enumerate(TABLES):
        for data in mutants(text, seed):
            file.write_bytes(data)
            survives(READERS[reader], file, data, GfpipeError)


@pytest.mark.parametrize(
    ("name", "text", "load"), [("a.toml", RECIPE, recipe.load), ("gfpipe.toml", SITE, settings.load)]
)
def test_recipes_and_settings(tmp_path: Path, name: str, text: str, load: Callable[[Path], object]) -> None:
    for data in mutants(text, 1):
        (tmp_path / name).write_bytes(data)
        survives(load, tmp_path / name, data, GfpipeError)


def test_cards(tmp_path: Path) -> None:
    for data in mutants(CARD, 1):
        (tmp_path / "card.json").write_bytes(data)
        survives(store.card, tmp_path, data, GfpipeError)


def test_patterns_and_paths() -> None:
    for data in mutants("tv1/2024-10-27/2530_news.ts", 1):
        path = data.decode("utf-8", "surrogateescape")
        survives(Pattern(DEFAULT_PATTERN).match, path, data, GfpipeError)
    for data in mutants(DEFAULT_PATTERN, 1):
        pattern = data.decode("utf-8", "surrogateescape")
        survives(lambda text: Pattern(text).match("tv1/2024-10-27/2530_news.ts"), pattern, data, GfpipeError)


def test_times_and_names() -> None:
    for seed, text in enumerate(("2024-10-27T02:30:00.5+01:00", "13/10/2024 7:05 PM", "45358.79", "=1+1")):
        for data in mutants(text, seed):
            mutant = data.decode("utf-8", "replace")
            assert unguarded(guarded(mutant)) == mutant
            survives(lambda text: times.parse(text).on(), mutant, data, ValueError)
