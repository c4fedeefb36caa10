"""What the report is made from: tables of the warehouse, and the facts of how they came about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class Facts:
    """How the numbers came about; whatever is None or empty is left out of the page.

    Attributes:
        lake: what readers call the lake.
        period: first and last day on air; taken from the coverage where None.
        models: ids of the models that read perceived gender; more than one is said aloud.
        detector: id of the model that finds faces.
        sampling: how pictures are taken, as it reads after "Pictures are taken from each recording: ".
        min_face: height in lines of a picture of 360 from which a face counts.
        undecided: the two values of `p_female` between which a face stays undecided.
        exclusions: what was left out and why, one phrase each, such as "commercials (412 intervals)".
        versions: program to version.
        generated_at: when the numbers were read.
    """

    lake: str | None = None
    period: tuple[date, date] | None = None
    models: tuple[str, ...] = ()
    detector: str | None = None
    sampling: str | None = None
    min_face: float | None = None
    undecided: tuple[float, float] | None = None
    exclusions: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    generated_at: datetime | None = None


@dataclass(frozen=True)
class Contents:
    """Everything that the page shows. Any value may be null, any table empty, any column but the keys absent.

    Attributes:
        headline: the row of `estimates` for the whole archive.
        months: `estimates` by month; rows with a channel, where there are any, are shown channel by channel.
        channels: `estimates` by channel.
        programmes: `estimates` by channel and programme, in any order.
        weekday_hours: `estimates` by weekday (1 Monday … 7) and hour (0 … 23).
        coverage: the report `coverage`: a row a channel and air_date.
        sensitivity: `sensitivity_overall`: variant, share, difference (percentage points from the first).
        recall: `detector_recall`.
        confusion: `confusion`: channel, size, answer, perceived_gender, faces.
        facts: what no table holds.
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
