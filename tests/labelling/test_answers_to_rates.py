"""End-to-end test of labelling: rates estimated from 500 answers are those of the whole archive.

A queue drawn by ``gfpipe label sample`` is answered through the page by the colour of each image: red for women, blue
for men. A wrong image, a wrong weight or a lost answer would bias the rates.
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
from tests.labelling.archives import HEIGHTS, STRATA, Archive, Key, archive, republished
from tests.labelling.broadcasts import rows
from tests.pages.label.pages import Script, serving
from tests.warehouse.lakes import shard_path

pytestmark = pytest.mark.slow

BY_NUMBER = Options(faces=500, seed=3)
BY_NEED = Options(faces=500, by=("size", "confidence", "answer"), active=True, seed=3)
COLOURS = {"female": (200, 40, 40), "male": (40, 40, 200)}
MISTAKES = 0.03  # share of answers that are wrong and undone
# As the report `confusion` computes them; spread is 1 / effective number of faces.
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
    """An archive with a drawn and answered queue."""

    known: Archive
    options: Options
    drawn: label_sample.Summary
    db: Warehouse

    def rate(self, answer: str, channel: str | None = None) -> float:
        """The true sensitivity or specificity, overall or of one channel."""
        shows = tuple(show for show in self.known.shows if channel in (None, show.channel))
        return replace(self.known, shows=shows).rate(answer)


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """A published archive without labels, with an image of each face."""
    known = archive(tmp_path_factory.mktemp("known"))
    write_crops(known)
    return known


@pytest.fixture(scope="module", params=[BY_NUMBER, BY_NEED], ids=["by number", "by need"])
def answered(
    request: pytest.FixtureRequest, unlabelled: Archive, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Answered]:
    """An archive with all answers to a queue, published."""
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
        keys: index of each face.
        stratum: (N,) int, index in the allocation of the draw.
        woman: (N,) 1 or 0.
        seconds: (N,) duration.
        domains: subsets to total, each (N,) bool.
    """

    keys: dict[Key, int]
    stratum: NDArray[np.int64]
    woman: NDArray[np.float64]
    seconds: NDArray[np.float64]
    domains: dict[str, NDArray[np.bool_]]

    @classmethod
    def of(cls, answered: Answered) -> "Population":
        drawn = answered.drawn.faces
        named = {
            (row["recording_id"], row["sample_index"], row["face_index"]): drawn.strata.index(row["stratum"])
            for row in answered.db.query(STRATA, {"keys": list(answered.options.by)}).to_pylist()
        }
        faces = answered.known.faces()
        channel = {show.recording_id: show.channel for show in answered.known.shows}
        groups = [("all", channel[key[0]], f"{face.height:g} lines") for key, face, _ in faces]
        domains = {name: np.array([name in group for group in groups]) for name in sorted({*sum(groups, ())})}
        stratum = np.array([named[key] for key, _, _ in faces])
        assert (np.bincount(stratum, minlength=len(drawn.strata)) == drawn.population).all()
        woman = np.array([answered.known.truth[key] == "female" for key, _, _ in faces]).astype(float)
        keys = {key: index for index, (key, _, _) in enumerate(faces)}
        return cls(keys, stratum, woman, np.array([seconds for _, _, seconds in faces]), domains)


def variances(value: NDArray[np.float64], stratum: NDArray[np.int64], drawn: Allocation) -> Iterator[float]:
    """Variance of the estimated total of each stratum (Cochran 1977, equation 5.7).

    With an expected size below 1: that of one face of weight N / expected, or none.
    """
    for name, (size, expected, taken) in enumerate(zip(drawn.population, drawn.expected, drawn.taken, strict=True)):
        values = value[stratum == name]
        if expected < 1:
            yield float(size**2 / expected * (values**2).mean() - values.sum() ** 2)
        elif taken < size:
            yield float(size**2 * (1 - taken / size) * values.var(ddof=1) / taken)


def write_crops(known: Archive) -> None:
    """Write a crop of each face, in the colour of its perceived gender."""
    jpegs = {truth: _jpeg(colour) for truth, colour in COLOURS.items()}
    now = datetime.now(UTC)
    shared = {"width": 16, "height": 16, "kept_at": now, "expires_at": now + timedelta(days=1)}
    for show in known.shows:
        crops = [
            shared
            | {"recording_id": recording, "config_digest": show.digest, "sample_index": sample, "face_index": face}
            | {"jpeg": jpegs[truth]}
            for (recording, sample, face), truth in known.truth.items()
            if recording == show.recording_id
        ]
        path = shard_path(known.lake, "crops", show)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(crops, schema=schema.CROPS), path)


def answer_all(script: Script, rng: random.Random) -> None:
    """Answer each face by the colour of its image, with some mistakes that are undone."""
    position = script.session["next"]
    while position is not None:
        _, jpeg = script.item(position)
        with Image.open(io.BytesIO(jpeg)) as picture:
            red, _, blue = np.asarray(picture).mean((0, 1))
        answers = ("male", "female") if blue > red else ("female", "male")
        if rng.random() < MISTAKES:
            script.answer(position, answers[1])
            assert script.undo()["undone"] == position
        position = script.answer(position, answers[0])["next"]


def _jpeg(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(file, "JPEG")
    return file.getvalue()


def test_every_answer_is_the_label_of_the_shown_face(answered: Answered) -> None:
    stored = {row["position"]: row for row in rows(str(answered.known.lake), "labels")}
    assert sum(not item.is_repeat for item in answered.drawn.queue.items) == 500
    assert sorted(stored) == list(range(len(answered.drawn.queue.items))) == list(range(525))
    for item in answered.drawn.queue.items:
        row, key = stored[item.position], (item.recording_id, item.sample_index, item.face_index or 0)
        assert (row["answer"], row["weight"]) == (answered.known.truth[key], 1 / item.inclusion_probability)


def test_intervals_contain_the_true_sensitivity_and_specificity(answered: Answered) -> None:
    for by in ((), ("channel",)):
        for row in measure(answered.db, Question(by=by, draws=1000)).to_pylist():
            channel = row.get("channel")
            truth = {"sensitivity": answered.rate("female", channel), "specificity": answered.rate("male", channel)}
            if not by:
                truth["share_female_face_time_corrected"] = answered.known.share
            for name, value in truth.items():
                low, high = row[f"{name}_low"], row[f"{name}_high"]
                assert low < value < high, (name, channel)
                assert high - low < 0.25, (name, channel)


def test_weighted_rates_by_size_are_those_of_the_archive(answered: Answered) -> None:
    """The classifier errs more on small faces; weights correct for unequal inclusion probabilities."""
    rates = answered.db.query(_RATES).to_pylist()
    assert {(rate["size"], rate["answer"]) for rate in rates} == set(product(HEIGHTS, COLOURS))
    for rate in rates:
        true = answered.known.rate(rate["answer"], rate["size"])
        assert abs(rate["rate"] - true) < 3.5 * np.sqrt(true * (1 - true) * rate["spread"]), rate


def test_weighted_totals_are_those_of_the_archive(answered: Answered) -> None:
    """Horvitz-Thompson totals by domain: all faces, women, women's face time."""
    population = Population.of(answered)
    labels = answered.db.query("from labelled_faces").to_pylist()
    assert len(labels) == 500  # the later answer about a repeated face
    weight, labelled = np.zeros(len(population.keys)), np.zeros(len(population.keys))
    for row in labels:
        index = population.keys[row["recording_id"], row["sample_index"], row["face_index"]]
        weight[index], labelled[index] = row["weight"], row["answer"] == "female"
    drawn = answered.drawn.faces
    for name, expected in enumerate(drawn.expected):
        if expected >= 1:
            assert weight[population.stratum == name].sum() == pytest.approx(drawn.population[name])
    every, seconds = np.ones(len(population.keys)), population.seconds
    totals = {
        "faces": (every, every),
        "women": (labelled, population.woman),
        "seconds of women": (labelled * seconds, population.woman * seconds),
    }
    for (domain, mask), (total, (estimated, true)) in product(population.domains.items(), totals.items()):
        error = np.sqrt(sum(variances(mask * true, population.stratum, drawn)))
        deviation = (weight * mask * estimated).sum() - (mask * true).sum()
        assert abs(deviation) < 3.5 * error + 1e-6, (domain, total, deviation, error)
