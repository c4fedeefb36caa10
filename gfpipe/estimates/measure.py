"""Answers to a question: sums of the warehouse, with 95 % intervals, and corrected for misclassification."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from gfpipe.base.arrays import digest
from gfpipe.estimates.correction import CorrectedGroup, Corrections
from gfpipe.estimates.debiasing import EXPECTED, debias, unreachable
from gfpipe.estimates.question import Question, columns, narrow, quoted
from gfpipe.estimates.rows import Labelled, Rows, read
from gfpipe.estimates.sample import Sample, resample
from gfpipe.statistics import debiasing
from gfpipe.statistics.bootstrap import MIN_RECORDINGS, interval
from gfpipe.statistics.misclassification import lang_reiczigel
from gfpipe.statistics.screen_time import SUMS, Corrected
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
_SHARES: Final = tuple(f"share_{what}_time" for what in ("female_face", "female_presence", "male_presence"))
_CORRECTED: Final = tuple(f"{name}_corrected" for name in _SHARES)
_DEBIASED: Final = tuple(f"{name}_debiased" for name in _SHARES)
_ANALYTIC: Final = "share_female_face_time_corrected_analytic"
_RATES: Final = ("sensitivity", "specificity")
_ENDS: Final = ("low", "high")
_ESTIMATES: Final = (
    *(f"{name}_{end}" for name in (*_FIGURES, "female_to_male_ratio") for end in _ENDS),
    *(column for name in (*_CORRECTED, *_DEBIASED) for column in (name, *(f"{name}_{end}" for end in _ENDS))),
    *(f"{_ANALYTIC}_{end}" for end in _ENDS),
    *(column for name in _RATES for column in (name, *(f"{name}_{end}" for end in _ENDS))),
)
_SUMS: Final = (*dict.fromkeys(name for parts in _FIGURES.values() for names in parts for name in names), *EXPECTED)
Floats = NDArray[np.float64]


def measure(db: Warehouse, question: Question) -> pa.Table:
    """Measure screen time by the question's groups.

    Returns:
        One row per group, in order: the columns of `question.by`, ``model_id``, ``models`` (their number),
        ``hours_excluded``, those of the SQL macro ``totals``; ``<figure>_low`` and ``<figure>_high`` of each share or
        mean; the corrected and the debiased figures, ``sensitivity`` and ``specificity``, with theirs.
        ``interval_note``, ``correction_note`` and ``debiased_note`` give the reason if a row has none. Figures of
        several models are null, unless the question allows to mix them. ``headline`` is the column of the share of
        women to cite: debiased if the row has it, else corrected, else as counted.

    Raises:
        UsageError: the question is not valid.
        LakeError: the warehouse cannot be read.
    """
    narrow(db, question)
    (table,) = measure_by(db, (question.by,), question)
    return table.drop_columns(["digest"])


def measure_by(
    db: Warehouse, groupings: Sequence[tuple[str, ...]], question: Question, known: Mapping[str, Mapping[str, Any]] = {}
) -> list[pa.Table]:
    """Measure the question that the warehouse was narrowed to by each of several groupings.

    Each row has the ``digest`` of everything that its intervals and corrected figures depend on. Those of rows `known`
    by their digest are not computed again.
    """
    by = [columns(db, names) for names in groupings]
    totals = _totals(db, by)
    rows, labelled = read(db, by, _SUMS)
    with threadpool_limits(1, "blas"):  # where cores are busy, threads wait for one another
        return [
            _assemble(table, _measured(rows, group, labelled, question.draws, known), question.mix_models)
            for table, group in zip(totals, rows.groups, strict=True)
        ]


def _totals(db: Warehouse, groupings: Sequence[tuple[str, ...]]) -> list[pa.Table]:
    """The sums of each grouping's groups, in order."""
    keys = tuple(dict.fromkeys(name for by in groupings for name in by))
    names = "".join(f"{quoted(name)}, " for name in keys)
    sets = ", ".join(f"({', '.join(map(quoted, by))})" for by in groupings)
    table = db.query(
        f"""
        select * exclude (figures), unnest(figures)
        from (
            select
                {names}
                {f"grouping_id({names[:-2]})" if keys else 0} as others,
                {"" if "model_id" in keys else "string_agg(distinct model_id, ' + ' order by model_id) as model_id,"}
                count(distinct model_id) as models,
                sum(hidden_seconds) / 3600 as hours_excluded,
                sum(least(analysed_seconds + hidden_seconds, scheduled_seconds)) / nullif(sum(scheduled_seconds), 0)
                    as covered,
                totals(asked) as figures
            from asked
            group by grouping sets ({sets})
            having count(*) > 0
        )
        order by {names} others
        """
    )
    found = []
    for by in groupings:
        others = sum(2**place for place, name in enumerate(reversed(keys)) if name not in by)
        rows = table.filter(pc.equal(table["others"], others))
        found.append(rows.drop_columns(["others", *(name for name in keys if name not in by)]))
    return found


@dataclass(frozen=True)
class _Group:
    """A group's seconds by pairs of part and resampling unit, (P,)."""

    index: int
    recordings: int
    part: NDArray[np.int64]
    unit: NDArray[np.int64]
    values: Floats  # (P, S + SUMS + debiasing.SUMS)
    unreachable: float  # see `gfpipe.estimates.debiasing.unreachable`


def _groups(rows: Rows, group: NDArray[np.int64], sample: Sample) -> Iterator[_Group]:
    if not len(group):
        return
    unit = sample.units(rows.recording)
    order = np.lexsort((unit, rows.part, group))
    kinds = np.column_stack([group, rows.part, unit])[order]
    starts = np.flatnonzero(np.append(True, (kinds[1:] != kinds[:-1]).any(1)))
    values = np.add.reduceat(np.hstack([rows.seconds, rows.sums, rows.drawn])[order], starts)
    kinds = kinds[starts]
    recordings = np.bincount(np.unique(np.column_stack([group, rows.recording]), axis=0)[:, 0])
    beyond = unreachable(rows, group, rows.seconds[:, [_SUMS.index(name) for name in _ALL_FACES]].sum(1))
    indices, first = np.unique(kinds[:, 0], return_index=True)
    for index, start, end in zip(indices, first, np.append(first, len(kinds))[1:], strict=True):
        part, unit = kinds[start:end, 1:].T
        yield _Group(int(index), int(recordings[index]), part, unit, values[start:end], float(beyond[index]))


def _measured(
    rows: Rows, group: NDArray[np.int64], labelled: Labelled, draws: int, known: Mapping[str, Mapping[str, Any]]
) -> dict[int, Mapping[str, Any]]:
    """Intervals and corrected figures by index of the group."""
    sample = resample(rows, group, labelled, draws)
    corrections = Corrections(rows.parts, labelled, sample)
    figures: dict[int, Mapping[str, Any]] = {}
    for each in _groups(rows, group, sample):
        parts, part = np.unique(each.part, return_inverse=True)
        labels = [corrections.digests[part] for part in parts] if len(labelled) else []
        # Sums of the same numbers in another order differ by less than a microsecond.
        facts = sample.facts(each.unit)
        identity = digest(labels, each.recordings, facts, part, np.round(each.values, 6), round(each.unreachable, 6))
        figures[each.index] = known.get(identity) or _figures(each, sample, corrections) | {"digest": identity}
    return figures


def _figures(group: _Group, sample: Sample, corrections: Corrections) -> dict[str, Any]:
    """Intervals and corrected figures of one group."""
    units, row = np.unique(group.unit, return_inverse=True)
    weights = sample.weights(units)[row]
    enough = group.recordings >= MIN_RECORDINGS
    freedom = sample.freedom(units) if enough else 0
    sums = dict(zip(_SUMS, group.values[:, : len(_SUMS)].T @ weights, strict=True))
    figures: dict[str, Any] = {} if enough else {"interval_note": f"fewer than {MIN_RECORDINGS} recordings"}
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, (parts, wholes) in _FIGURES.items():
            draws = sum(sums[part] for part in parts) / sum(sums[whole] for whole in wholes)
            figures |= _with_ends(name, interval(draws, freedom, np.inf if name == "mean_faces" else 1.0))
        shares = [figures[f"share_female_face_time_{end}"] for end in _ENDS]
        low, high = (share / (1 - share) if share < 1 else math.nan for share in shares)
        figures |= _with_ends("female_to_male_ratio", (low, high))
        drawn = np.zeros((len(units), debiasing.SUMS))
        np.add.at(drawn, row, group.values[:, -debiasing.SUMS :])
        found = debias(drawn, group.unreachable, units, sample, sums)
        figures |= {"debiased_note": found.problem}
        if found.shares is not None:
            for name, share in zip(_DEBIASED, vars(found.shares).values(), strict=True):
                figures |= {name: float(share[0])} | _with_ends(name, interval(share, min(freedom, found.freedom)))
        corrected = _correct(group, weights, corrections)
        if corrected.seconds is None:
            return figures | {"correction_note": corrected.problem}
        return figures | _corrected(corrected.seconds, corrected, sums["analysed_seconds"], freedom)


def _correct(group: _Group, weights: Floats, corrections: Corrections) -> CorrectedGroup:
    if not len(corrections.labelled):
        return CorrectedGroup(problem="no labels: gfpipe label import")
    seconds, sums, _ = np.split(group.values, [len(_SUMS), len(_SUMS) + SUMS], axis=1)
    with_faces = seconds[:, [_SUMS.index(name) for name in _ALL_FACES]].sum(1) > 0
    chosen = {part: (group.part == part) & with_faces for part in np.unique(group.part[with_faces])}
    found = [corrections(int(part), sums[pairs], weights[pairs]) for part, pairs in chosen.items()]
    return reduce(add, found) if found else CorrectedGroup(problem="no face")


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


def _assemble(totals: pa.Table, figures: Mapping[int, Mapping[str, Any]], mix_models: bool) -> pa.Table:
    """Append the figures to the sums, null if they are unknown."""
    rows = [figures.get(group, {}) for group in range(len(totals))]
    mixed = [models > 1 and not mix_models for models in totals["models"].to_pylist()]
    for name in _ESTIMATES:
        known = [None if mix else _known(row.get(name)) for row, mix in zip(rows, mixed, strict=True)]
        totals = totals.append_column(name, pa.array(known, pa.float64()))
    for name in ("interval_note", "correction_note", "debiased_note"):
        notes = [_MIXED if mix else row.get(name) if row else _UNSEEN for row, mix in zip(rows, mixed, strict=True)]
        totals = totals.append_column(name, pa.array(notes, pa.string()))
    totals = totals.append_column("digest", pa.array([row.get("digest") for row in rows], pa.string()))
    # Excluded time counts as covered.
    totals = totals.set_column(totals.column_names.index("coverage"), "coverage", totals["covered"])
    for index, name in enumerate(totals.column_names):
        if name in _FIGURES or name == "female_to_male_ratio":
            totals = totals.set_column(index, name, pc.if_else(pa.array(mixed), None, totals[name]))
    headline = pa.nulls(len(totals), pa.string())
    for name in (_SHARES[0], _CORRECTED[0], _DEBIASED[0]):
        headline = pc.if_else(pc.is_valid(totals[name]), name, headline)
    totals = totals.append_column("headline", headline)
    return totals.drop_columns(["covered"])


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
