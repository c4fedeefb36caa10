"""Writes the report: one HTML page with figures, their errors, coverage, method and limits."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from gfpipe import __version__, warehouse
from gfpipe.base import files
from gfpipe.errors import LakeError
from gfpipe.estimates.published import estimates, grouping
from gfpipe.estimates.question import Question, counting
from gfpipe.report.contents import Contents, Facts
from gfpipe.report.page import render
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
    string_agg(distinct sampling || ', at most ' || every_seconds || ' s each', '; ') as sampling
from recordings
"""


def run(lake: Path | str, out: Path, question: Question = _EVERYTHING) -> None:
    """Write the report of a published lake; the filters of a question apply, its ``by`` does not.

    Without a question the figures are those of the table `estimates`.

    Raises:
        UsageError: the question is invalid.
        LakeError: the lake was never published, or `out` cannot be written.
    """
    with warehouse.open(lake) as db:
        page = render(_contents(db, str(lake), question))
    _write(out, page)


def _contents(db: Warehouse, lake: str, question: Question) -> Contents:
    whole = question == _EVERYTHING
    figures = db.query("from estimates") if whole else estimates(db, question)

    def by(*names: str) -> pa.Table:
        return figures.filter(pc.field("grouping") == grouping(*names))

    return Contents(
        headline=by().to_pylist()[0],
        months=pa.concat_tables([by("month"), by("channel", "month")]),
        channels=by("channel"),
        programmes=by("channel", "programme"),
        weekday_hours=by("weekday", "hour"),
        coverage=_coverage(db, question),
        # Only of the whole archive.
        sensitivity=db.query("from sensitivity_overall" + ("" if whole else " limit 0")),
        recall=db.query("from detector_recall"),
        confusion=db.query("from confusion"),
        facts=_facts(db, lake, question),
    )


def _coverage(db: Warehouse, question: Question) -> pa.Table:
    return db.query(
        """
        from coverage
        where
            ($since is null or air_date >= $since)
            and ($until is null or air_date <= $until)
            and ($channels is null or list_contains($channels, channel))
        """,
        {"since": question.since, "until": question.until, "channels": list(question.only_channels) or None},
    )


def _facts(db: Warehouse, lake: str, question: Question) -> Facts:
    values: dict[str, Any] = db.query(_FACTS).to_pylist()[0]
    thresholds = counting(db, question)
    values |= {"min_face": thresholds.min_face, "min_score": thresholds.min_score}
    return Facts(
        lake=Path(lake).name,
        **values | {name: tuple(values[name] or ()) for name in ("models", "undecided")},
        exclusions=(f"what {question.exclude.name} names",) if question.exclude else (),
        versions={"gfpipe": __version__},
        generated_at=datetime.now(UTC),
    )


def _write(out: Path, page: str) -> None:
    try:
        files.write(out, page)
    except OSError as exc:
        raise LakeError(f"{out}: cannot be written: {exc.strerror or exc}; choose another --out") from exc
