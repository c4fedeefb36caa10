"""The Python API for notebooks and scripts."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

import pandas as pd
import pyarrow as pa

from gfpipe import warehouse, workers
from gfpipe.archive import manifest
from gfpipe.base.limits import Limits
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.choices import DEFAULT_PATTERN, DateOrder, Language
from gfpipe.counting import Counting
from gfpipe.errors import TransientError, UsageError, WorkerError
from gfpipe.estimates.question import Question
from gfpipe.models import champion
from gfpipe.recording import Recording, Summary
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import WORKER_MODULES, listing
from gfpipe.stages.analysis import analyse as analyse_stage
from gfpipe.stages.figures import publish as publish_stage
from gfpipe.stages.figures import stats as stats_stage

if TYPE_CHECKING:
    from gfpipe.output.drawing import Chart

__all__ = ["Analysis", "Counting", "Lake", "Limits", "Recording", "analyse", "open", "publish"]

PathLike = str | os.PathLike[str]
T = TypeVar("T")


class Lake(Generic[T]):
    """A published lake; :func:`open` makes one.

    Every result is a :class:`pandas.DataFrame`, or a :class:`pyarrow.Table` if the lake was opened with ``arrow=True``.
    """

    def __init__(self, path: Path, convert: Callable[[pa.Table], T]) -> None:
        self.path = path
        self._convert = convert

    def __repr__(self) -> str:
        return f"Lake({str(self.path)!r})"

    def stats(
        self, by: str | Iterable[str] = (), *, since: date | None = None, until: date | None = None, **options: Any
    ) -> T:
        """Screen time by perceived gender with 95 % intervals, one row a group.

        Args:
            by: columns to group by, such as ``"channel"`` or ``["channel", "month"]``; empty for one row.
            since: first day on air.
            until: last day on air.
            options: other fields of :class:`gfpipe.estimates.question.Question`, such as ``min_face``.

        Raises:
            UsageError: an unknown column, or recordings of several classifiers in one series.
            LakeError: the warehouse cannot be read.
        """
        columns = (by,) if isinstance(by, str) else tuple(by)
        return self._convert(stats_stage.run(self.path, Question(columns, since=since, until=until, **options)))

    def sql(self, query: str, parameters: Mapping[str, object] | None = None) -> T:
        """The result of a query; ``$name`` in it stands for ``parameters["name"]``.

        Raises:
            UsageError: the query is not valid SQL, or would change something.
            LakeError: the warehouse cannot be read.
        """
        with warehouse.open(self.path) as db:
            return self._convert(db.query(query, parameters))

    def chart(
        self, name: str, *, since: date | None = None, until: date | None = None, lang: str = "en", **options: Any
    ) -> "Chart":
        """A figure of the report as an Altair chart, with its data.

        Args:
            name: ``trend``, ``trend-by-channel``, ``kinds-of-time``, ``weekday-hours``, ``channels``, ``coverage`` or
                ``sensitivity``.
            since: first day on air.
            until: last day on air.
            lang: language of its words: en, fr, ja, de or es.
            options: other fields of :class:`gfpipe.estimates.question.Question`, such as ``min_face``.

        Raises:
            UsageError: the question is not valid, or the report of these recordings has no such figure.
            LakeError: the warehouse cannot be read.
        """
        from gfpipe.stages.figures import report  # noqa: PLC0415 - importing altair takes longer than most answers

        charts = report.charts(self.path, Question(since=since, until=until, **options), _language(lang))
        if name not in charts:
            raise UsageError(f"{name}: the report has no such figure; it has {', '.join(charts)}")
        return charts[name]

    @property
    def estimates(self) -> T:
        """The published estimates: all groupings that ``grouping`` names, with intervals."""
        return self.sql("from estimates")


@overload
def open(lake: PathLike, *, arrow: Literal[False] = False) -> Lake[pd.DataFrame]: ...
@overload
def open(lake: PathLike, *, arrow: Literal[True]) -> Lake[pa.Table]: ...
def open(lake: PathLike, *, arrow: bool = False) -> "Lake[pd.DataFrame] | Lake[pa.Table]":
    """Open a published lake; with ``arrow``, its results are Arrow tables instead of pandas frames.

    Raises:
        LakeError: there is no such lake, or it was never published.
    """
    lake = warehouse.lake_folder(os.fspath(lake))
    warehouse.open(lake).close()
    return Lake(lake, (lambda table: table) if arrow else (lambda table: table.to_pandas()))


def _language(lang: str) -> Language:
    if lang not in set(Language):
        raise UsageError(f"lang {lang}: choose from {', '.join(Language)}")
    return Language(lang)


def analyse(
    recordings: PathLike | Iterable[Recording],
    lake: PathLike,
    *,
    pattern: str = DEFAULT_PATTERN,
    timezone: str | None = None,
    dates: DateOrder | None = None,
    guide: PathLike | None = None,
    guide_timezone: str | None = None,
    analysis: Analysis = Analysis(),  # noqa: B008 - frozen
    processes: int = 0,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    on_progress: OnProgress = no_progress,
) -> tuple[Summary, ...]:
    """Analyse a few recordings without Prefect; ``gfpipe analyse`` and ``gfpipe serve`` are for archives.

    Recordings that the lake has under the same configuration are not analysed again.

    Args:
        recordings: a folder, a CSV or Parquet manifest, or recordings.
        lake: the folder of shards; created if it is missing.
        pattern: how the paths of a folder are read.
        timezone: IANA name, for starts that have no zone.
        dates: order of dates such as 01/03/2024 in a manifest that does not show it.
        guide: programme guide (XMLTV or VDR's epg.data), which names recordings without a programme.
        guide_timezone: IANA name, for the guide's times that have no offset; None for UTC.
        analysis: sampling and models.
        processes: worker processes; 0 for one per core.
        limits: what the work on one recording may take; beyond it, the recording has failed.
        on_progress: receives recordings done and in all.

    Returns:
        One summary per recording, in order; a file that cannot be read has status ``failed`` and a reason.

    Raises:
        UsageError: no recordings, or an invalid pattern, zone or configuration.
        LakeError: the lake cannot be written.
        ModelError: a model cannot be fetched.
    """
    if isinstance(recordings, str | os.PathLike):
        holdings = manifest.read(
            Path(recordings), pattern, timezone, dates, None if guide is None else Path(guide), guide_timezone
        )
    else:
        holdings = manifest.Manifest("gfpipe.analyse", tuple(recordings))
    listing.run(os.fspath(lake), holdings, listing.plan(os.fspath(lake), holdings))
    analysis = replace(analysis, classifier=champion.resolve(analysis.classifier))
    provenance = analyse_stage.prepare(analysis)
    summaries = []
    with workers.pool(processes, limits=limits, modules=WORKER_MODULES) as pool:
        tasks = [pool.submit(analyse_stage.run, item, os.fspath(lake), analysis) for item in holdings.recordings]
        for done, (item, task) in enumerate(zip(holdings.recordings, tasks, strict=True), start=1):
            try:
                summary = task.result()
            except (WorkerError, TransientError) as exc:
                summary = analyse_stage.fail(item, f"{item.path}: {exc}", os.fspath(lake), provenance)
            summaries.append(summary)
            on_progress(Progress("analysing", done, len(tasks)))
    return tuple(summaries)


def publish(lake: PathLike, counting: Counting = Counting(), *, rebuild: bool = False) -> Path:  # noqa: B008 - frozen
    """Build the lake's warehouse, ``LAKE/gfpipe.duckdb``, and return its path.

    Only recordings that have changed since the last time are counted anew, unless ``rebuild`` is set.

    Raises:
        LakeError: there is nothing to publish, or the lake cannot be read or written.
    """
    return publish_stage.run(os.fspath(lake), counting=counting, rebuild=rebuild).warehouse
