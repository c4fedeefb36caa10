"""Answers to a question: sums of the warehouse, with 95 % intervals, and corrected for misclassification."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from gfpipe.estimates.correction import CorrectedGroup, correct, lend_labels
from gfpipe.estimates.question import Question, group, narrow
from gfpipe.estimates.sample import Sample, resample
from gfpipe.statistics.bootstrap import MIN_RECORDINGS, interval
from gfpipe.statistics.misclassification import lang_reiczigel
from gfpipe.statistics.screen_time import Corrected
from gfpipe.warehouse import Warehouse

_FACES: Final = ("female_face_seconds", "male_face_seconds")
_ALL_FACES: Final = (*_FACES, "undecided_face_seconds")
_TIME: Final = ("analysed_seconds",)
# Each figure is a ratio of sums, so its interval is conditional on the hours analysed.
_FIGURES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "share_female_face_time": (_FACES[:1], _FACES),
    "share_undecided_face_time": (("undecided_face_seconds",), _ALL_FACES),
    "share_female_face_time_tracks": (
        ("tracked_female_face_seconds",),
        ("tracked_female_face_seconds", "tracked_male_face_seconds"),
    ),
    "mean_faces": (_ALL_FACES, _TIME),
    "share_female_presence_time": (("female_presence_seconds",), _TIME),
    "share_male_presence_time": (("male_presence_seconds",), _TIME),
    "share_only_female_time": (("only_female_seconds",), _TIME),
    "share_only_male_time": (("only_male_seconds",), _TIME),
    "share_both_time": (("both_seconds",), _TIME),
    "share_only_undecided_time": (("only_undecided_seconds",), _TIME),
    "share_no_face_time": (("no_face_seconds",), _TIME),
}
_UNSEEN: Final = "nothing was analysed"
_MIXED: Final = "recordings of several models: gfpipe reclassify, or --mix-models"
_CORRECTED: Final = tuple(
    f"share_{what}_corrected" for what in ("female_face_time", "female_presence_time", "male_presence_time")
)
_ANALYTIC: Final = "share_female_face_time_corrected_analytic"
_RATES: Final = ("sensitivity", "specificity")
_ENDS: Final = ("low", "high")
_ESTIMATES: Final = (
    *(f"{name}_{end}" for name in (*_FIGURES, "female_to_male_ratio") for end in _ENDS),
    *(column for name in _CORRECTED for column in (name, *(f"{name}_{end}" for end in _ENDS))),
    *(f"{_ANALYTIC}_{end}" for end in _ENDS),
    *(column for name in _RATES for column in (name, *(f"{name}_{end}" for end in _ENDS))),
)
_SUMS: Final = tuple(dict.fromkeys(name for parts in _FIGURES.values() for names in parts for name in names))
_RECORDINGS: Final = f"""
select
    group_index,
    recording_number,
    {", ".join(f"sum({name}) as {name}" for name in _SUMS)}
from chosen
where analysed_seconds > 0
group by group_index, recording_number
order by group_index, recording_number
"""


def measure(db: Warehouse, question: Question) -> pa.Table:
    """Measure screen time by the question's groups.

    Returns:
        One row per group, in order: the columns of `question.by`, ``model_id``, ``models`` (their number),
        ``hours_excluded``, those of the SQL macro ``totals``; ``<figure>_low`` and ``<figure>_high`` of each share or
        mean; the corrected figures, ``sensitivity`` and ``specificity``, with theirs. ``interval_note`` and
        ``correction_note`` give the reason if a row has none. Figures of several models are null, unless the question
        allows to mix them.

    Raises:
        UsageError: the question is not valid.
        LakeError: the warehouse cannot be read.
    """
    narrow(db, question)
    return measure_by(db, question.by, question)


def measure_by(db: Warehouse, by: tuple[str, ...], question: Question) -> pa.Table:
    """Measure the question that the warehouse was narrowed to, by other groups."""
    totals = db.query(_totals(group(db, by)))
    with threadpool_limits(1, "blas"):  # where cores are busy, threads wait for one another
        figures = _measured(db, question.draws)
    return _assemble(totals, figures, question.mix_models)


def _measured(db: Warehouse, draws: int) -> dict[int, dict[str, Any]]:
    """Intervals and corrected figures by ``group_index``."""
    labels = lend_labels(db)
    sample = resample(db, draws)
    corrected = correct(db, sample) if labels else {}
    nothing = CorrectedGroup(problem="no face" if labels else "no labels: gfpipe label import")
    return {
        index: _figures(recordings, sums, sample, corrected.get(index, nothing))
        for index, recordings, sums in _recordings(db)
    }


def _totals(by: tuple[str, ...]) -> str:
    names = ", ".join(f'"{name}"' for name in ("group_index", *by))
    return f"""
    select
        {names},
        {"" if "model_id" in by else "string_agg(distinct model_id, ' + ' order by model_id) as model_id,"}
        count(distinct model_id) as models,
        sum(hidden_seconds) / 3600 as hours_excluded,
        sum(least(analysed_seconds + hidden_seconds, scheduled_seconds)) / nullif(sum(scheduled_seconds), 0) as covered,
        unnest(totals(chosen))
    from chosen
    group by {names}
    order by group_index
    """


def _recordings(db: Warehouse) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
    """Index of each group, numbers of its recordings (R,), and their seconds (R, S) in the order of `_SUMS`."""
    table = db.query(_RECORDINGS)
    number = table["recording_number"].to_numpy().astype(np.int64)
    sums = np.stack([table[name].to_numpy() for name in _SUMS], axis=1)
    groups, first = np.unique(table["group_index"].to_numpy(), return_index=True)
    for index, start, end in zip(groups, first, np.append(first, len(number))[1:], strict=True):
        yield int(index), number[start:end], sums[start:end]


def _figures(
    recordings: NDArray[np.int64], seconds: NDArray[np.float64], sample: Sample, corrected: CorrectedGroup
) -> dict[str, Any]:
    """Intervals and corrected figures of one group."""
    enough = len(recordings) >= MIN_RECORDINGS
    freedom = sample.freedom(recordings) if enough else 0
    units, unit = np.unique(sample.units(recordings), return_inverse=True)
    by_unit = np.zeros((len(units), len(_SUMS)))
    np.add.at(by_unit, unit, seconds)
    sums = dict(zip(_SUMS, by_unit.T @ sample.weights[units], strict=True))
    figures: dict[str, Any] = {} if enough else {"interval_note": f"fewer than {MIN_RECORDINGS} recordings"}
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, (parts, wholes) in _FIGURES.items():
            draws = sum(sums[part] for part in parts) / sum(sums[whole] for whole in wholes)
            figures |= _with_ends(name, interval(draws, freedom, np.inf if name == "mean_faces" else 1.0))
        shares = [figures[f"share_female_face_time_{end}"] for end in _ENDS]
        low, high = (share / (1 - share) if share < 1 else math.nan for share in shares)
        figures |= _with_ends("female_to_male_ratio", (low, high))
        if corrected.seconds is None:
            return figures | {"correction_note": corrected.problem}
        return figures | _corrected(corrected.seconds, corrected, sums["analysed_seconds"], freedom)


def _corrected(
    seconds: Corrected, group: CorrectedGroup, analysed: NDArray[np.float64], freedom: int
) -> dict[str, float]:
    presences = (np.clip(time / analysed, 0, 1) for time in (seconds.female_presence, seconds.male_presence))
    sensitivity, specificity = seconds.hits / seconds.female_face, seconds.rejections / seconds.male_face
    figures: dict[str, float] = {}
    draws = (seconds.share, *presences, sensitivity, specificity)
    for name, figure in zip((*_CORRECTED, *_RATES), draws, strict=True):
        figures |= {name: float(figure[0])} | _with_ends(name, interval(figure, freedom))
    if freedom:
        apparent = seconds.apparent / seconds.faces
        analytic = lang_reiczigel(
            float(apparent[0]),
            _effective(apparent),
            float(sensitivity[0]),
            min(group.women, _effective(sensitivity)),
            float(specificity[0]),
            min(group.men, _effective(specificity)),
        )
        figures |= _with_ends(_ANALYTIC, analytic)
    return figures


def _effective(draws: NDArray[np.float64]) -> float:
    """Number of independent faces that give a share with the standard error of these draws."""
    variance = float(np.nanvar(draws[1:]))
    return float(draws[0] * (1 - draws[0])) / variance if variance else math.inf


def _with_ends(name: str, ends: tuple[float, float]) -> dict[str, float]:
    return {f"{name}_{end}": value for end, value in zip(_ENDS, ends, strict=True)}


def _assemble(totals: pa.Table, figures: Mapping[int, dict[str, Any]], mix_models: bool) -> pa.Table:
    """Append the figures to the sums, null if they are unknown."""
    rows = [figures.get(group, {}) for group in totals["group_index"].to_pylist()]
    mixed = [models > 1 and not mix_models for models in totals["models"].to_pylist()]
    for name in _ESTIMATES:
        known = [None if mix else _known(row.get(name)) for row, mix in zip(rows, mixed, strict=True)]
        totals = totals.append_column(name, pa.array(known, pa.float64()))
    for name in ("interval_note", "correction_note"):
        notes = [_MIXED if mix else row.get(name) if row else _UNSEEN for row, mix in zip(rows, mixed, strict=True)]
        totals = totals.append_column(name, pa.array(notes, pa.string()))
    # Excluded time counts as covered.
    totals = totals.set_column(totals.column_names.index("coverage"), "coverage", totals["covered"])
    for index, name in enumerate(totals.column_names):
        if name in _FIGURES or name == "female_to_male_ratio":
            totals = totals.set_column(index, name, pc.if_else(pa.array(mixed), None, totals[name]))
    return totals.drop_columns(["group_index", "covered"])


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
