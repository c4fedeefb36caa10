"""Writes the report: one HTML page with figures, their errors, coverage, method and limits."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from gfpipe import __version__, warehouse
from gfpipe.base import files
from gfpipe.choices import Language
from gfpipe.errors import LakeError, UsageError
from gfpipe.estimates.published import GROUPINGS, estimates, grouping
from gfpipe.estimates.question import Question, counting, narrow
from gfpipe.output.drawing import Chart
from gfpipe.report import page
from gfpipe.report.contents import Contents, Facts
from gfpipe.report.elements import linked
from gfpipe.report.periods import KEY, Unit, series_units
from gfpipe.warehouse import Warehouse

_EVERYTHING: Final = Question()
# The thresholds of the undecided band are defined only in the macro perceived_gender.
_FACTS: Final = """
select
    (
        select [max(p) filter (where label = 'male'), min(p) filter (where label = 'female')]
        from (select cast(range / 100 as float) as p, perceived_gender(p) as label from range(101))
    ) as undecided,
    list(distinct classifier_id order by classifier_id) as models,
    string_agg(distinct detector_id, ', ' order by detector_id) as detector,
    list(distinct {'sampling': sampling, 'seconds': every_seconds}) as samplings,
    (
        -- of the shards, not of the files, which a compaction merges
        select left(sha256(string_agg(digest, ',' order by digest)), 16)
        from (select unnest(if(len(digests) > 0, digests, [digest])) as digest from built_from)
    ) as digest
from recordings
"""
_COVERAGE: Final = """
from coverage
where
    ($since is null or air_date >= $since)
    and ($until is null or air_date <= $until)
    and ($channels is null or list_contains($channels, channel))
"""
_LISTED: Final = 10  # of the recordings that failed, are missing or of unknown length
_MISSING: Final = """
select
    *,
    case when status = 'partial' then lost_seconds else scheduled_seconds end / 3600 as hours_missing,
    count(*) over (partition by hours_missing is null) as of_kind,
    sum(hours_missing) over (partition by hours_missing is null) as hours_of_kind
from recording_coverage
where
    status <> 'copy'
    and (status <> 'done' or scheduled_seconds is null)
    and ($since is null or air_date >= $since)
    and ($until is null or air_date <= $until)
    and ($channels is null or list_contains($channels, channel))
qualify row_number() over (partition by hours_missing is null order by hours_missing desc, channel, started_at, path)
    <= $listed
order by hours_missing desc nulls last, channel, started_at, path
"""


def run(
    lake: Path | str,
    out: Path,
    question: Question = _EVERYTHING,
    language: Language = Language.EN,
    view: str | None = None,
) -> None:
    """Write the report of a published lake in a language; the filters of a question apply, its ``by`` does not.

    If `view` is the address of ``gfpipe view``, each number links to the recordings behind it there.

    Without a question the figures are those of the table `estimates`.

    Raises:
        UsageError: the question is invalid, or no recording is of its days and channels.
        LakeError: the lake was never published, or `out` cannot be written.
    """
    with warehouse.open(lake) as db:
        html = page.render(_contents(db, str(lake), question), language)
    _write(out, html if view is None else linked(html, _address(view), _narrowed(question)))


def charts(lake: Path | str, question: Question = _EVERYTHING, language: Language = Language.EN) -> dict[str, Chart]:
    """The figures of the report, by their ids in the page.

    Raises:
        UsageError: the question is invalid, or no recording is of its days and channels.
        LakeError: the lake was never published.
    """
    with warehouse.open(lake) as db:
        return page.charts(_contents(db, str(lake), question), language)


def _address(view: str) -> str:
    if not view.startswith(("http://", "https://")):
        raise UsageError(f"--view {view}: is not an address; give that which gfpipe view printed, up to the port")
    return view.partition("?")[0].rstrip("/")


def _narrowed(question: Question) -> dict[str, object]:
    """The filters of a question as parameters of the view."""
    channel = question.only_channels[0] if len(question.only_channels) == 1 else None
    return {"since": question.since, "until": question.until, "channel": channel}


def _contents(db: Warehouse, lake: str, question: Question) -> Contents:
    whole = question == _EVERYTHING
    figures = db.query("from estimates") if whole else estimates(db, question)

    def by(*names: str) -> pa.Table:
        if names in GROUPINGS:
            return figures.filter(pc.field("grouping") == grouping(*names))
        from gfpipe.estimates.measure import measure_by  # noqa: PLC0415 - importing scipy takes longer than an answer

        if whole:
            narrow(db, question)
        (table,) = measure_by(db, (names,), question)
        return table

    whole_archive = by().to_pylist()
    if not whole_archive:
        raise UsageError(f"{lake}: no recording is of these days and channels; choose others")
    period = {"since": question.since, "until": question.until, "channels": list(question.only_channels) or None}
    coverage = db.query(_COVERAGE, period)
    unit, series = _series(coverage, by)
    return Contents(
        headline=whole_archive[0],
        unit=unit,
        series=series,
        channels=by("channel"),
        programmes=by("channel", "programme"),
        weekday_hours=by("weekday", "hour"),
        coverage=coverage,
        missing=db.query(_MISSING, period | {"listed": _LISTED}),
        # Only of the whole archive.
        sensitivity=db.query("from sensitivity_overall" + ("" if whole else " limit 0")),
        recall=db.query("from detector_recall"),
        confusion=db.query("from confusion"),
        facts=_facts(db, lake, question),
    )


def _series(coverage: pa.Table, by: Callable[..., pa.Table]) -> tuple[Unit, pa.Table]:
    """Shares by the finest unit for which most values have an interval, or else by the coarsest."""
    days = coverage["air_date"].drop_null()
    units = series_units(pc.min(days).as_py(), pc.max(days).as_py()) if len(days) else ("month",)
    for unit in units:
        whole = by(KEY[unit])
        without = pc.sum(pc.is_null(whole["share_female_face_time_low"])).as_py() or 0
        if unit == units[-1] or without * 2 < len(whole):
            break
    return unit, pa.concat_tables([whole, by("channel", KEY[unit])], promote_options="default")


def _facts(db: Warehouse, lake: str, question: Question) -> Facts:
    values: dict[str, Any] = db.query(_FACTS).to_pylist()[0]
    thresholds = counting(db, question)
    values |= {"min_face": thresholds.min_face, "min_score": thresholds.min_score}
    samplings = sorted((each["sampling"], each["seconds"]) for each in values.pop("samplings") or ())
    return Facts(
        lake=Path(lake).name,
        **values | {name: tuple(values[name] or ()) for name in ("models", "undecided")},
        samplings=tuple(samplings),
        exclusions=(question.exclude.name,) if question.exclude else (),
        versions={"gfpipe": __version__},
        generated_at=datetime.now(UTC),
    )


def _write(out: Path, html: str) -> None:
    try:
        files.write(out, html)
    except OSError as exc:
        raise LakeError(f"{out}: cannot be written: {exc.strerror or exc}; choose another --out") from exc
