"""The share as published, as it would be otherwise, and without what is to be left out."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.stages.figures import sensitivity
from tests.warehouse.lakes import Face, Show, write_show

EVENING = datetime(2024, 3, 7, 20, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> str:
    """Three seconds of men, of which the last is a commercial, and one of a woman."""
    samples = [(1.0, [Face(0.9)]), (1.0, [Face(0.1)]), (1.0, [Face(0.1)]), (1.0, [Face(0.1)])]
    write_show(tmp_path / "lake", Show("north", "news", EVENING, samples))
    warehouse.build(tmp_path / "lake")
    return str(tmp_path / "lake")


def test_the_first_variant_is_what_was_published(lake: str) -> None:
    first, *others = sensitivity.run(lake).to_pylist()
    assert (first["variant"], first["share"], first["difference"]) == ("as published", 0.25, 0)
    assert others


def test_what_is_left_out_is_one_variant_more(lake: str, tmp_path: Path) -> None:
    exclude = tmp_path / "commercials.csv"
    exclude.write_text("channel,start,end,reason\nnorth,2024-03-07 20:00:03,2024-03-07 20:00:10,commercial\n")
    *others, last = sensitivity.run(lake, exclude).to_pylist()
    assert len(others) == sensitivity.run(lake).num_rows
    assert last["variant"] == "without what commercials.csv names"
    assert last["share"] == pytest.approx(1 / 3)
    assert last["difference"] == pytest.approx(100 / 3 - 25)
