"""What gfpipe writes it reads again as it was: names, files, cards, exports."""

import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gfpipe.archive.pattern import Pattern
from gfpipe.attributes.spec import Head, InputSpec
from gfpipe.base.files import as_text, on_disk
from gfpipe.choices import DEFAULT_PATTERN
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.lake.index import places
from gfpipe.models import catalog
from gfpipe.models.card import Card, Metric
from gfpipe.output import names
from gfpipe.recording import Recording, in_zone, zone_name
from gfpipe.tables import sheet, times
from gfpipe.tables.formulas import NUMBER, guarded, unguarded
from gfpipe.warehouse import results
from tests.parsers import inputs

any_text = st.text() | inputs.text
title = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | inputs.cells
moments = st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30))
CARD: Final = next(entry.card for entry in catalog.read().values() if entry.card and entry.card.heads)
ZONES: Final = ("Europe/Paris", "UTC", "America/St_Johns", "Australia/Lord_Howe", "+05:45", "-00:30")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("names")


@given(text=any_text)
def test_an_apostrophe_before_a_formula_is_removed_again(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert len(text) < 2 or guarded(text)[0] not in "=+-@\t\r\n＝＋－＠" or re.fullmatch(NUMBER, text)


@given(texts=st.lists(st.tuples(title, title), min_size=1, max_size=4))
def test_an_exported_table_is_read_as_it_was(folder: Path, texts: list[tuple[str, str]]) -> None:
    columns = [
        [text.encode("utf-8", "ignore").decode().replace("\0", "") for text in column]
        for column in zip(*texts, strict=True)
    ]
    file = folder / "export.csv"
    results.write(pa.table({"=programme": columns[0], "group": columns[1]}), "csv", file)
    table = sheet.read(file)
    found = [(row["=programme"].strip(), row["group"].strip()) for row in table.rows]
    for row in zip(*columns, strict=True):
        written = [cell.replace("\r", "\n").replace("\u00a0", " ") for cell in row]
        cells = tuple(cell.replace("\n\n", "\n").strip() for cell in written)
        assert cells in found or not any(cells) or "\n" in "".join(written)


@given(name=st.binary(min_size=1, max_size=40).filter(lambda name: not {0, 47} & {*name} and name not in (b".", b"..")))
def test_a_file_is_found_by_its_name_as_text(folder: Path, name: bytes) -> None:
    file = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    file.write_bytes(name)
    try:
        shown = as_text(str(file))
        shown.encode()
        assert on_disk(shown).read_bytes() == name
    finally:
        file.unlink()


@given(text=any_text)
def test_names_are_one_line_of_visible_text(text: str) -> None:
    line = names.line(text)
    line.encode()
    assert "\n" not in line
    assert line.isprintable() or not any(map(names._is_hidden, line))
    assert names.line(line) == line


@given(moment=moments, zone=st.sampled_from(ZONES))
def test_moments_are_read_as_they_are_written(moment: datetime, zone: str) -> None:
    local = in_zone(moment.replace(tzinfo=UTC), zone)
    assert in_zone(local, zone_name(local)) == local
    assert zone_name(local).removesuffix(":00") == zone.removesuffix(":00")
    assume(1900 < local.year < 2199)
    assume(not (local.utcoffset() or timedelta()).seconds % 60)
    for text in (local.isoformat(), str(local), f"{local:%Y%m%d%H%M%S %z}"):
        read = times.parse(text).on()
        assert read == local.replace(microsecond=read.microsecond)


@given(
    channel=st.text("abcé -_.", min_size=1, max_size=8),
    programme=st.text("abcé -_.12", min_size=1, max_size=12),
    moment=moments,
)
def test_a_path_is_matched_by_the_pattern_that_it_was_made_by(channel: str, programme: str, moment: datetime) -> None:
    match = Pattern(DEFAULT_PATTERN).match(f"{channel}/{moment:%Y-%m-%d}/{moment:%H%M}_{programme}.ts")
    assert match
    assert (match.channel, match.programme) == (channel, programme)
    assert match.start == moment.replace(second=0, microsecond=0)


@given(
    channels=st.lists(
        title.filter(lambda name: name.encode("utf-8", "ignore").decode() == name), min_size=2, max_size=2, unique=True
    )
)
def test_two_channels_never_have_one_folder(channels: list[str]) -> None:
    folders = {
        places.place("faces", Recording("a.ts", name, "News", datetime(2024, 3, 7, tzinfo=UTC))) for name in channels
    }
    assert len(folders) == 2
    assert all(len(part.encode()) <= 255 and "/" not in part for folder in folders for part in folder)


@given(
    card=st.builds(
        replace,
        st.just(CARD),
        id=any_text,
        licence=any_text,
        lineage=any_text,
        metrics=st.lists(st.builds(Metric, any_text, st.floats(allow_nan=False), any_text, any_text), max_size=2).map(
            tuple
        ),
        intended_uses=st.lists(any_text, max_size=2).map(tuple),
        decisions=st.lists(
            st.builds(Decision, any_text, any_text, st.booleans(), st.just(()), any_text), max_size=1
        ).map(tuple),
        input=st.builds(replace, st.just(CARD.input), size=st.just(CARD.input.size)),
    )
)
def test_a_card_is_read_as_it_was_written(card: Card) -> None:
    assert isinstance(card.input, InputSpec)
    assert all(isinstance(head, Head) for head in card.heads)
    assert Card.from_json(card.to_json()) == card
