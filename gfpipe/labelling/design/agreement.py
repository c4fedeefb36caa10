"""Agreement between annotators, and of each annotator with their own repeated answers.

Cohen's kappa (1960); Krippendorff's alpha for nominal data: "Computing Krippendorff's Alpha-Reliability" (2011),
sections B to D. 95 % percentile intervals of a bootstrap over faces (Efron 1979).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from gfpipe.errors import UsageError
from gfpipe.evaluation.measures.resampling import percentile_interval
from gfpipe.faces.boxes import CORNERS
from gfpipe.labelling.design import queues
from gfpipe.labelling.labels import ANSWERS
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage
from gfpipe.output.formats import Interval

RESAMPLES: Final = 1_000
_UNNAMED: Final = "unnamed"
_FACE: Final = ("recording_id", "seconds", *CORNERS)
_COLUMNS: Final = (*_FACE, "answer", "annotator", "imported_at", "position")

Face = tuple[object, ...]
Counts = NDArray[np.int64]
AnswersByAnnotator = dict[str, dict[Face, list[int]]]  # indices into `ANSWERS`, in order of time


@dataclass(frozen=True)
class Answer:
    """One answer, of `ANSWERS`, about one face: its recording, time and box."""

    face: Face
    annotator: str
    answer: str
    at: datetime


@dataclass(frozen=True)
class Agreement:
    """Agreement between annotators.

    Attributes:
        annotators: one annotator who answered faces twice, two annotators, or all.
        measure: ``kappa`` (Cohen) or ``alpha`` (Krippendorff).
        faces: number of faces with two answers or more.
        same: share of identical answers among pairs of answers to a face.
        value: 1 is perfect agreement, 0 chance agreement; NaN if all answers are identical.
    """

    annotators: tuple[str, ...]
    measure: str
    faces: int
    same: float
    value: Interval


def read(lake: str, queue: str | None = None) -> tuple[Answer, ...]:
    """Read the answers of a lake, or to one queue, in order of time.

    Raises:
        UsageError: `queue` is not a valid name.
        LakeError: the lake cannot be read.
    """
    condition = pc.field("recording_id").is_valid()
    if queue is not None:
        condition &= pc.field("queue") == queues.checked(queue)
    table = Storage(lake).scan(("labels", f"v{schema.VERSION}"), schema.LABELS, _COLUMNS, condition)
    rows = [] if table is None else table.to_pylist()
    return tuple(
        Answer(tuple(row[name] for name in _FACE), row["annotator"] or _UNNAMED, row["answer"], row["imported_at"])
        for row in sorted(rows, key=lambda row: (row["imported_at"], row["position"] or 0))
    )


def measure(answers: Sequence[Answer], resamples: int = RESAMPLES, seed: int = 0) -> tuple[Agreement, ...]:
    """Measure the agreement of each pair, of all together, and of each annotator with their own answers.

    Between annotators only first answers count: at the second answer an annotator may remember the face.

    Raises:
        UsageError: no face has two answers.
    """
    by_annotator: AnswersByAnnotator = {}
    for answer in answers:
        faces = by_annotator.setdefault(answer.annotator, {})
        faces.setdefault(answer.face, []).append(ANSWERS.index(answer.answer))
    agreements = tuple(_all(dict(sorted(by_annotator.items())), resamples, seed))
    if not agreements:
        raise UsageError(
            "no face has two answers: have a second annotator answer the same queue, or draw one with --repeats, then "
            "run: gfpipe label serve"
        )
    return agreements


def kappa(table: Counts) -> float:
    """Cohen's kappa of a contingency table (C, C); NaN if both annotators gave a single answer."""
    total = table.sum()
    by_chance = float(table.sum(0) @ table.sum(1)) / total**2
    return float(np.trace(table) / total - by_chance) / (1 - by_chance) if by_chance < 1 else np.nan


def alpha(units: Counts) -> float:
    """Krippendorff's alpha of (N, C) counts of answers by face and kind; NaN if all answers are identical.

    Faces with fewer than two answers are ignored.
    """
    units = units[units.sum(1) > 1].astype(float)
    answers = units.sum(1)
    disagreeing = float(((answers**2 - (units**2).sum(1)) / np.maximum(answers - 1, 1)).sum())
    by_answer = units.sum(0)
    total = by_answer.sum()
    by_chance = float(total**2 - (by_answer**2).sum())
    return 1 - (total - 1) * disagreeing / by_chance if by_chance else np.nan


def _all(by_annotator: AnswersByAnnotator, resamples: int, seed: int) -> Iterator[Agreement]:
    for one, other in combinations(by_annotator, 2):
        first, second = by_annotator[one], by_annotator[other]
        if pairs := [(first[face][0], second[face][0]) for face in first if face in second]:
            yield _of_pairs((one, other), pairs, resamples, seed)
    if len(by_annotator) > 1 and (shared := _shared(by_annotator)):
        units = np.array(shared)
        number = units.sum(1)
        same = float((units * (units - 1)).sum() / (number * (number - 1)).sum())
        interval = _interval(units, alpha, resamples, seed)
        yield Agreement(tuple(by_annotator), "alpha", len(units), same, interval)
    for annotator, faces in by_annotator.items():
        if pairs := [(answers[0], answers[1]) for answers in faces.values() if len(answers) > 1]:
            yield _of_pairs((annotator,), pairs, resamples, seed)


def _of_pairs(annotators: tuple[str, ...], pairs: list[tuple[int, int]], resamples: int, seed: int) -> Agreement:
    answers = np.array(pairs)
    same = float((answers[:, 0] == answers[:, 1]).mean())
    interval = _interval(answers, lambda sample: kappa(_table(sample)), resamples, seed)
    return Agreement(annotators, "kappa", len(pairs), same, interval)


def _table(pairs: Counts) -> Counts:
    table = np.zeros((len(ANSWERS), len(ANSWERS)), np.int64)
    np.add.at(table, (pairs[:, 0], pairs[:, 1]), 1)
    return table


def _shared(by_annotator: AnswersByAnnotator) -> list[Counts]:
    """Count first answers by kind, for each face with two annotators or more."""
    units: dict[Face, Counts] = {}
    for faces in by_annotator.values():
        for face, answers in faces.items():
            units.setdefault(face, np.zeros(len(ANSWERS), np.int64))[answers[0]] += 1
    return [unit for unit in units.values() if unit.sum() > 1]


def _interval(rows: Counts, statistic: Callable[[Counts], float], resamples: int, seed: int) -> Interval:
    rng = np.random.default_rng(seed)
    values = [statistic(rows[rng.integers(0, len(rows), len(rows))]) for _ in range(resamples)]
    return percentile_interval(statistic(rows), np.array(values))
