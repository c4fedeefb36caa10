"""Input of the report: tables of the warehouse, and facts about the analysis."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from gfpipe.output import names


@dataclass(frozen=True)
class Facts:
    """Facts about the analysis; None and empty values are omitted from the page.

    Attributes:
        period: first and last day on air; by default from the coverage.
        models: ids of the classifiers of perceived gender.
        sampling: sampling of pictures, as a phrase.
        min_face: minimum face height, in lines of a picture of 360 lines.
        undecided: the values of `p_female` between which a face is undecided.
        exclusions: excluded material, one phrase each, such as "commercials (412 intervals)".
        versions: program to version.
        generated_at: time at which the warehouse was read.
    """

    lake: str | None = None
    period: tuple[date, date] | None = None
    models: tuple[str, ...] = ()
    detector: str | None = None
    sampling: str | None = None
    min_face: float | None = None
    min_score: float | None = None
    undecided: tuple[float, float] | None = None
    exclusions: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    generated_at: datetime | None = None


@dataclass(frozen=True)
class Contents:
    """Content of the page. Values may be null, tables empty, and all columns but the keys absent.

    Attributes:
        headline: the row of `estimates` for the whole archive.
        months: `estimates` by month; rows with a channel are shown by channel.
        channels: `estimates` by channel.
        programmes: `estimates` by channel and programme, in any order.
        weekday_hours: `estimates` by weekday (1 Monday … 7) and hour (0 … 23).
        coverage: the report `coverage`: a row a channel and air_date.
        sensitivity: `sensitivity_overall`: variant, share, difference (percentage points from the first).
        recall: `detector_recall`.
        confusion: `confusion`: channel, size, answer, perceived_gender, faces.
    """

    headline: Mapping[str, Any]
    months: pa.Table
    channels: pa.Table
    programmes: pa.Table
    weekday_hours: pa.Table
    coverage: pa.Table
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
