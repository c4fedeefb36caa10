"""Input of the report: tables of the warehouse, and facts about the analysis."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from gfpipe.output import names
from gfpipe.report.periods import Unit


@dataclass(frozen=True)
class Facts:
    """Facts about the analysis; None and empty values are omitted from the page.

    Attributes:
        period: first and last day on air; by default from the coverage.
        models: ids of the classifiers of perceived gender.
        samplings: each sampling of pictures, and the longest time that one represents, in seconds.
        min_face: minimum face height, in lines of a picture of 360 lines.
        undecided: the values of `p_female` between which a face is undecided.
        exclusions: names of the files whose intervals are excluded.
        versions: program to version.
        digest: of the data that the figures were computed from.
        generated_at: time at which the warehouse was read.
    """

    lake: str | None = None
    period: tuple[date, date] | None = None
    models: tuple[str, ...] = ()
    detector: str | None = None
    samplings: tuple[tuple[str, float], ...] = ()
    min_face: float | None = None
    min_score: float | None = None
    undecided: tuple[float, float] | None = None
    exclusions: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None
    generated_at: datetime | None = None


@dataclass(frozen=True)
class Contents:
    """Content of the page. Values may be null, tables empty, and all columns but the keys absent.

    Attributes:
        headline: the row of `estimates` for the whole archive.
        unit: of the series.
        series: `estimates` by `unit` (month, week or date); rows with a channel are shown by channel.
        channels: `estimates` by channel.
        programmes: `estimates` by channel and programme, in any order.
        weekday_hours: `estimates` by weekday (1 Monday … 7) and hour (0 … 23).
        coverage: the report `coverage`: a row a channel and air_date.
        missing: recordings that failed, are missing, rejected, damaged or of unknown length: the columns of
            `recording_coverage` and `hours_missing`; those of known length first, the largest first. `of_kind` is the
            number of all with (or all without) known length, of which some are listed, `hours_of_kind` their hours.
        sensitivity: `sensitivity_overall`: variant, share, difference (percentage points from the first).
        recall: `detector_recall`.
        confusion: `confusion`: channel, size, answer, perceived_gender, faces.
    """

    headline: Mapping[str, Any]
    unit: Unit
    series: pa.Table
    channels: pa.Table
    programmes: pa.Table
    weekday_hours: pa.Table
    coverage: pa.Table
    missing: pa.Table
    sensitivity: pa.Table
    recall: pa.Table
    confusion: pa.Table
    facts: Facts

    def legible(self) -> "Contents":
        """The same with each text in one line, without characters that hide or reorder others."""
        tables = {name: _legible(value) for name, value in vars(self).items() if isinstance(value, pa.Table)}
        lake = None if self.facts.lake is None else names.line(self.facts.lake)
        return replace(self, **tables, facts=replace(self.facts, lake=lake))


def _legible(table: pa.Table) -> pa.Table:
    for index, field_ in enumerate(table.schema):
        if not pa.types.is_string(field_.type):
            continue
        texts = table.column(index)
        if any(text is not None and names.line(text) != text for text in texts.unique().to_pylist()):
            lines = [None if text is None else names.line(text) for text in texts.to_pylist()]
            table = table.set_column(index, field_, pa.array(lines, field_.type))
    return table
