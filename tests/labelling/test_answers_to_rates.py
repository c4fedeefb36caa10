"""From the draw through the page to the figures: what 500 answers say is so of every face of the archive.

Somebody who sees nothing but the pictures that the page shows answers what ``gfpipe label sample`` drew. Each face has
the picture of its own truth (red of a woman, blue of a man): a wrong picture, a wrong weight or a lost answer, and the
rates go astray.
"""

import io
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from gfpipe.estimates.measure import measure
from gfpipe.estimates.question import Question
from gfpipe.labelling.design.sampling import Allocation
from gfpipe.lake import schema
from gfpipe.stages.labels import sample as label_sample
from gfpipe.stages.labels.sample import Options
from gfpipe.warehouse import Warehouse
from tests.labelling.archives import HEIGHTS, Archive, Key, archive, republished
from tests.labelling.broadcasts import rows
from tests.labelling.page.pages import Script, serving
from tests.warehouse.lakes import shard_path

BY_NUMBER = Options(faces=500, seed=3)
BY_NEED = Options(faces=500, by=("size", "confidence", "answer"), active=True, seed=3)
COLOURS = {"female": (200, 40, 40), "male": (40, 40, 200)}
SLIPS = 0.03  # of the answers, taken back at once
# The strata that a draw had, as the faces of the archive are in them now.
_STRATA = """
select recording_id, sample_index, face_index, stratum($keys, channel, month, size, confidence, answer) as stratum
from faces_to_label
"""
# As the report `confusion` adds them up, with what one over an effective number of faces is.
_RATES = """
select
    size,
    answer,
    sum(weight * step_seconds * case perceived_gender when answer then 1 when 'undecided' then 0.5 else 0 end)
    / sum(weight * step_seconds) as rate,
    sum((weight * step_seconds) ** 2) / sum(weight * step_seconds) ** 2 as spread
from labelled_faces
group by all
"""


@dataclass(frozen=True)
class Answered:
    """An archive of which somebody labelled what was drawn."""

    known: Archive
    options: Options
    drawn: label_sample.Summary
    db: Warehouse

    def rate(self, answer: str, channel: str | None = None) -> float:
        """The true sensitivity or specificity, maybe of one channel."""
        shows = tuple(show for show in self.known.shows if channel in (None, show.channel))
        return replace(self.known, shows=shows).rate(answer)


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Nobody has answered anything; published, a picture of every face in it."""
    known = archive(tmp_path_factory.mktemp("known"))
    keep_pictures(known)
    return known


@pytest.fixture(scope="module", params=[BY_NUMBER, BY_NEED], ids=["by number", "by need"])
def found(
    request: pytest.FixtureRequest, unlabelled: Archive, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Answered]:
    """Drawn, answered to the last face in the page, and published."""
    lake = tmp_path_factory.mktemp("labelled") / "lake"
    known = replace(unlabelled, lake=Path(shutil.copytree(unlabelled.lake, lake)))
    drawn = label_sample.run(lake, "q", request.param)
    with serving(str(lake), drawn.queue) as served, Script(served) as script:
        answer_all(script, random.Random(0))
    with republished(known) as db:
        yield Answered(known, request.param, drawn, db)


@dataclass(frozen=True)
class Population:
    """All N faces of an archive.

    Attributes:
        keys: the place of each.
        stratum: (N,) int, place in the allocation of the draw.
        woman: (N,) 1 or 0.
        seconds: (N,) for which it is shown.
        domains: what totals are asked of, each (N,) bool.
    """

    keys: dict[Key, int]
    stratum: NDArray[np.int64]
    woman: NDArray[np.float64]
    seconds: NDArray[np.float64]
    domains: dict[str, NDArray[np.bool_]]

    @classmethod
    def of(cls, found: Answered) -> "Population":
        drawn = found.drawn.faces
        named = {
            (row["recording_id"], row["sample_index"], row["face_index"]): drawn.strata.index(row["stratum"])
            for row in found.db.query(_STRATA, {"keys": list(found.options.by)}).to_pylist()
        }
        faces = found.known.faces()
        channel = {show.recording_id: show.channel for show in found.known.shows}
        marks = [("all", channel[key[0]], f"{face.height:g} lines") for key, face, _ in faces]
        domains = {name: np.array([name in each for each in marks]) for name in sorted({*sum(marks, ())})}
        stratum = np.array([named[key] for key, _, _ in faces])
        assert (np.bincount(stratum, minlength=len(drawn.strata)) == drawn.population).all()
        woman = np.array([found.known.truth[key] == "female" for key, _, _ in faces]).astype(float)
        keys = {key: place for place, (key, _, _) in enumerate(faces)}
        return cls(keys, stratum, woman, np.array([seconds for _, _, seconds in faces]), domains)


def variances(value: NDArray[np.float64], stratum: NDArray[np.int64], drawn: Allocation) -> Iterator[float]:
    """Of the estimated total of each stratum (Cochran 1977, equation 5.7).

    Where fewer than one face is expected, it is that of one face of weight N / expected, or none.
    """
    for name, (size, expected, taken) in enumerate(zip(drawn.population, drawn.expected, drawn.taken, strict=True)):
        values = value[stratum == name]
        if expected < 1:
            yield float(size**2 / expected * (values**2).mean() - values.sum() ** 2)
        elif taken < size:
            yield float(size**2 * (1 - taken / size) * values.var(ddof=1) / taken)


def keep_pictures(known: Archive) -> None:
    """A crop of every face, in the colour of its truth."""
    jpegs = {truth: _jpeg(colour) for truth, colour in COLOURS.items()}
    now = datetime.now(UTC)
    usual = {"width": 16, "height": 16, "kept_at": now, "expires_at": now + timedelta(days=1)}
    for show in known.shows:
        kept = [
            usual
            | {"recording_id": recording, "config_digest": show.digest, "sample_index": sample, "face_index": face}
            | {"jpeg": jpegs[truth]}
            for (recording, sample, face), truth in known.truth.items()
            if recording == show.recording_id
        ]
        path = shard_path(known.lake, "crops", show)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(kept, schema=schema.CROPS), path)


def answer_all(script: Script, chance: random.Random) -> None:
    """Say of each face what its picture looks like; now and then the wrong key, and undo."""
    place = script.session["next"]
    while place is not None:
        _, jpeg = script.item(place)
        with Image.open(io.BytesIO(jpeg)) as picture:
            red, _, blue = np.asarray(picture).mean((0, 1))
        seen = ("male", "female") if blue > red else ("female", "male")
        if chance.random() < SLIPS:
            script.answer(place, seen[1])
            assert script.undo()["undone"] == place
        place = script.answer(place, seen[0])["next"]


def _jpeg(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(file, "JPEG")
    return file.getvalue()


def test_every_answer_is_the_label_of_the_face_that_the_page_showed(found: Answered) -> None:
    stored = {row["position"]: row for row in rows(str(found.known.lake), "labels")}
    assert sum(not item.is_repeat for item in found.drawn.queue.items) == 500
    assert sorted(stored) == list(range(len(found.drawn.queue.items))) == list(range(525))
    for item in found.drawn.queue.items:
        row, key = stored[item.position], (item.recording_id, item.sample_index, item.face_index or 0)
        assert (row["answer"], row["weight"]) == (found.known.truth[key], 1 / item.inclusion_probability)


def test_sensitivity_and_specificity_are_the_archives_within_their_intervals(found: Answered) -> None:
    for by in ((), ("channel",)):
        for row in measure(found.db, Question(by=by, draws=1000)).to_pylist():
            channel = row.get("channel")
            truth = {"sensitivity": found.rate("female", channel), "specificity": found.rate("male", channel)}
            if not by:
                truth["share_female_face_time_corrected"] = found.known.share
            for name, value in truth.items():
                low, high = row[f"{name}_low"], row[f"{name}_high"]
                assert low < value < high, (name, channel)
                assert high - low < 0.25, (name, channel)


def test_by_size_the_classifier_errs_as_it_does_in_the_archive(found: Answered) -> None:
    """It errs more on small faces; weights undo that some faces were asked more often than they are on screen."""
    rates = found.db.query(_RATES).to_pylist()
    assert {(rate["size"], rate["answer"]) for rate in rates} == set(product(HEIGHTS, COLOURS))
    for rate in rates:
        true = found.known.rate(rate["answer"], rate["size"])
        assert abs(rate["rate"] - true) < 3.5 * np.sqrt(true * (1 - true) * rate["spread"]), rate


def test_weighted_totals_are_those_of_the_whole_archive(found: Answered) -> None:
    """Horvitz and Thompson against every face, by stratum and whatever else: all faces, women, women's face time."""
    population = Population.of(found)
    labels = found.db.query("from labelled_faces").to_pylist()
    assert len(labels) == 500  # of a face that was asked twice the later answer
    weight, said = np.zeros(len(population.keys)), np.zeros(len(population.keys))
    for row in labels:
        place = population.keys[row["recording_id"], row["sample_index"], row["face_index"]]
        weight[place], said[place] = row["weight"], row["answer"] == "female"
    drawn = found.drawn.faces
    for name, of_stratum in enumerate(drawn.expected):
        if of_stratum >= 1:
            assert weight[population.stratum == name].sum() == pytest.approx(drawn.population[name])
    every, seconds = np.ones(len(population.keys)), population.seconds
    totals = {
        "faces": (every, every),
        "women": (said, population.woman),
        "seconds of women": (said * seconds, population.woman * seconds),
    }
    for (domain, those), (what, (told, true)) in product(population.domains.items(), totals.items()):
        error = np.sqrt(sum(variances(those * true, population.stratum, drawn)))
        off = (weight * those * told).sum() - (those * true).sum()
        assert abs(off) < 3.5 * error + 1e-6, (domain, what, off, error)
