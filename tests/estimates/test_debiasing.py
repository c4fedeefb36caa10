"""Which labels debias a share, and which share is the headline."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gfpipe.estimates.measure import measure
from gfpipe.estimates.question import Question
from gfpipe.stages.labels import sample as label_sample
from gfpipe.stages.labels.sample import Options
from tests.labelling.archives import Archive, answer, archive, republished
from tests.warehouse.lakes import shard_path, write_labels, write_show

pytestmark = pytest.mark.slow

DEBIASED, CORRECTED = "share_female_face_time_debiased", "share_female_face_time_corrected"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive of 20 recordings with 300 labels drawn at random."""
    known = archive(tmp_path_factory.mktemp("archive"), recordings=20, samples=60)
    answer(known, label_sample.run(known.lake, "q", Options(faces=300)).queue)
    republished(known).close()
    return known


@pytest.fixture
def known(labelled: Archive, tmp_path: Path) -> Archive:
    """A copy of it."""
    return replace(labelled, lake=shutil.copytree(labelled.lake, tmp_path / "lake"))


def ask(known: Archive, **question: Any) -> dict[str, Any]:
    with republished(known) as db:
        (row,) = measure(db, Question(draws=300, **question)).to_pylist()
    return dict(row)


def test_labels_drawn_at_random_debias_the_headline(known: Archive) -> None:
    row = ask(known)
    assert (row["headline"], row["debiased_note"], row["correction_note"]) == (DEBIASED, None, None)
    assert row[f"{DEBIASED}_low"] < known.share < row[f"{DEBIASED}_high"]
    assert row[DEBIASED] == pytest.approx(known.share, abs=0.04)
    for presence in ("share_female_presence_time", "share_male_presence_time"):
        assert row[f"{presence}_debiased"] == pytest.approx(row[f"{presence}_corrected"], abs=0.05)
    assert ask(known, min_face=24.0)[DEBIASED] == pytest.approx(row[DEBIASED])  # counted again, as published


def test_imported_labels_without_weights_correct_by_rates_only(known: Archive) -> None:
    (file,) = (known.lake / "labels").rglob("q-Ada.parquet")
    labels = pq.read_table(file).to_pylist()
    file.unlink()
    imported = [label | {"queue": None, "position": None, "weight": 1.0} for label in labels]
    write_labels(known.lake, *imported)
    row = ask(known)
    assert (row["headline"], row[DEBIASED]) == (CORRECTED, None)
    assert row["debiased_note"] == "no labels drawn at random: gfpipe label sample"
    write_labels(known.lake, *(label | {"weight": 5.0} for label in imported))
    assert ask(known)["headline"] == DEBIASED


def test_recordings_after_the_draw_are_not_what_the_labels_are_of(known: Archive) -> None:
    for place, show in enumerate(known.shows):
        later = replace(show, start=show.start + timedelta(days=200 + place))
        write_show(known.lake, later)
        assert shard_path(known.lake, "recordings", later).is_file()
    row = ask(known)
    assert (row["headline"], row[DEBIASED]) == (CORRECTED, None)
    assert "of the face time is of days or channels without labels drawn at random" in row["debiased_note"]
    assert ask(known, until=known.shows[-1].start.date())["headline"] == DEBIASED


def test_labels_in_excluded_intervals_do_not_count(known: Archive, tmp_path: Path) -> None:
    show = known.shows[1]
    times = (f"{show.start + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}" for hours in (-1, 1))
    excluded = tmp_path / "excluded.csv"
    excluded.write_text(f"channel,start,end,reason\n{show.channel},{','.join(times)},commercials\n")
    without = ask(known, exclude=excluded)
    for file in (known.lake / "labels").rglob("q-Ada.parquet"):
        kept = [label for label in pq.read_table(file).to_pylist() if label["recording_id"] != show.recording_id]
        assert 0 < len(kept) < 315
        write_labels(known.lake, *kept, name="q-Ada")
    assert ask(known, exclude=excluded)[DEBIASED] == pytest.approx(without[DEBIASED], abs=1e-3)
