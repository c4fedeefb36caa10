"""How far people agree about faces: with one another, and each with themself on faces that were asked twice.

Cohen's kappa (1960); Krippendorff's alpha for nominal data as in his "Computing Krippendorff's
Alpha-Reliability" (2011), section B to D. 95 % intervals resample faces (percentiles, Efron 1979).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Final

import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray

from gfpipe.errors import UsageError
from gfpipe.evaluation.measures.resampling import percentile_interval
from gfpipe.formats import Interval
from gfpipe.labelling.design import queues
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage

ANSWERS: Final = ("female", "male", "undecided", "no_face")
DRAWS: Final = 1_000
_UNNAMED: Final = "nobody named"
_COLUMNS: Final = (
    *("recording_id", "seconds", "x1", "y1", "x2", "y2"),
    *("answer", "annotator", "imported_at", "position"),
)

Face = tuple[str, float, float, float, float, float]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Answer:
    """One answer about one face.

    Attributes:
        face: recording, moment and box.
        annotator: who answered.
        answer: one of `ANSWERS`.
        at: when.
    """

    face: Face
    annotator: str
    answer: str
    at: datetime


@dataclass(frozen=True)
class Agreement:
    """How far some people agree.

    Attributes:
        who: one of them who was asked twice, two of them, or all.
        measure: ``kappa`` (Cohen) or ``alpha`` (Krippendorff).
        faces: how many it rests on: those with two answers or more.
        same: share of pairs of answers to one face that are the same.
        value: 1 is perfect, 0 is what chance would bring; NaN where all answers are one and the same.
    """

    who: tuple[str, ...]
    measure: str
    faces: int
    same: float
    value: Interval


def read(lake: str, queue: str | None = None) -> tuple[Answer, ...]:
    """Every answer that somebody gave, in the order in which they were given.

    Args:
        lake: the lake's folder or URL.
        queue: only answers to this one.

    Raises:
        UsageError: nothing can be called so.
        LakeError: the lake cannot be read.
    """
    wanted = ds.field("recording_id").is_valid()
    if queue is not None:
        wanted &= ds.field("queue") == queues.checked(queue)
    found = Storage(lake).scan(("labels", f"v{schema.VERSION}"), schema.LABELS, _COLUMNS, wanted)
    rows = [] if found is None else found.to_pylist()
    answers = (
        Answer(
            (row["recording_id"], row["seconds"], row["x1"], row["y1"], row["x2"], row["y2"]),
            row["annotator"] or _UNNAMED,
            row["answer"],
            row["imported_at"],
        )
        for row in sorted(rows, key=lambda row: (row["imported_at"], row["position"] or 0))
    )
    return tuple(answers)


def measure(answers: Sequence[Answer], draws: int = DRAWS, seed: int = 0) -> tuple[Agreement, ...]:
    """Agreement of each pair, of all together, and of each with themself.

    Between people, the first answer of each counts: whoever sees a face for the second time may remember it.

    Raises:
        UsageError: no face has two answers.
    """
    given: dict[str, dict[Face, list[int]]] = {}
    for each in answers:
        given.setdefault(each.annotator, {}).setdefault(each.face, []).append(ANSWERS.index(each.answer))
    found = tuple(_all(dict(sorted(given.items())), draws, seed))
    if not found:
        raise UsageError(
            "no face has two answers: have somebody else answer the same queue, or draw one with --repeats, and then "
            "run: gfpipe label serve"
        )
    return found


def kappa(table: Counts) -> float:
    """Cohen's kappa of a table (C, C) of faces by the answers of two; NaN where both gave one answer alone."""
    total = table.sum()
    by_chance = float(table.sum(0) @ table.sum(1)) / total**2
    return float(np.trace(table) / total - by_chance) / (1 - by_chance) if by_chance < 1 else np.nan


def alpha(units: Counts) -> float:
    """Krippendorff's alpha for nominal data; NaN where all answers are the same.

    Args:
        units: (N, C) how many gave each answer about each of N faces; those with fewer than two answers tell nothing.
    """
    units = units[units.sum(1) > 1].astype(float)
    answers = units.sum(1)
    disagreeing = float(((answers**2 - (units**2).sum(1)) / np.maximum(answers - 1, 1)).sum())
    by_answer = units.sum(0)
    total = by_answer.sum()
    by_chance = float(total**2 - (by_answer**2).sum())
    return 1 - (total - 1) * disagreeing / by_chance if by_chance else np.nan


def _all(given: dict[str, dict[Face, list[int]]], draws: int, seed: int) -> Iterator[Agreement]:
    for one, other in combinations(given, 2):
        pairs = [(given[one][face][0], given[other][face][0]) for face in given[one] if face in given[other]]
        if pairs:
            yield _of_pairs((one, other), pairs, draws, seed)
    if len(given) > 1 and (shared := _shared(given)):
        units = np.array(shared)
        number = units.sum(1)
        same = float((units * (units - 1)).sum() / (number * (number - 1)).sum())
        yield Agreement(tuple(given), "alpha", len(units), same, _interval(units, alpha, draws, seed))
    for one, faces in given.items():
        pairs = [(each[0], each[1]) for each in faces.values() if len(each) > 1]
        if pairs:
            yield _of_pairs((one,), pairs, draws, seed)


def _of_pairs(who: tuple[str, ...], pairs: list[tuple[int, int]], draws: int, seed: int) -> Agreement:
    answers = np.array(pairs)
    same = float((answers[:, 0] == answers[:, 1]).mean())
    return Agreement(
        who, "kappa", len(pairs), same, _interval(answers, lambda these: kappa(_table(these)), draws, seed)
    )


def _table(pairs: Counts) -> Counts:
    table = np.zeros((len(ANSWERS), len(ANSWERS)), np.int64)
    np.add.at(table, (pairs[:, 0], pairs[:, 1]), 1)
    return table


def _shared(given: dict[str, dict[Face, list[int]]]) -> list[Counts]:
    """How many gave each answer, of every face with two answers or more."""
    units: dict[Face, Counts] = {}
    for faces in given.values():
        for face, answers in faces.items():
            units.setdefault(face, np.zeros(len(ANSWERS), np.int64))[answers[0]] += 1
    return [unit for unit in units.values() if unit.sum() > 1]


def _interval(rows: Counts, measured: Callable[[Counts], float], draws: int, seed: int) -> Interval:
    rng = np.random.default_rng(seed)
    drawn = np.array([measured(rows[rng.integers(0, len(rows), len(rows))]) for _ in range(draws)])
    return percentile_interval(measured(rows), drawn)
