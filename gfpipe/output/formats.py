"""Numbers as text: one set of formats for reports, tables, figures and the terminal."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

UNKNOWN: Final = "–"


def counted(number: int, noun: str) -> str:
    """A number of things: ``1 recording``, ``1,200 recordings``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


Value = str | int | float | Interval | None


@dataclass(frozen=True)
class Format:
    """How one kind of value is written.

    Attributes:
        decimals: digits after the point; None: about three significant digits.
        factor: 100 for shares written as per cent or points.
        unit: appended after a space.
        signed: write the plus sign too.
        interval_decimals: digits of an interval's ends; None: as `decimals`.
        smallest: a number below is written as ``< smallest``.
    """

    decimals: int | None = 0
    factor: float = 1
    unit: str = ""
    signed: bool = False
    interval_decimals: int | None = None
    smallest: float = -math.inf

    def text(self, value: Value, unit: bool = True) -> str:
        """Write a value, such as ``−1,234.5 %``; an interval as ``41.3 % [38.0, 44.7]``; NaN and None as a dash."""
        if isinstance(value, str):
            return value
        if isinstance(value, Interval):
            ends = [known(value.low), known(value.high)]
            return self.text(value.value, unit) + (
                "" if None in ends else f" [{', '.join(self._digits(end, self.interval_decimals) for end in ends)}]"
            )
        number = known(value)
        if number is None:
            return UNKNOWN
        if number < self.smallest:
            return f"< {self.smallest:g}"
        return self._digits(number, None) + (f" {self.unit}" if unit and self.unit else "")

    def _digits(self, value: float | None, decimals: int | None) -> str:
        scaled = (value or 0.0) * self.factor
        decimals = self.decimals if decimals is None else decimals
        if decimals is None:
            size = abs(scaled)
            decimals = 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2 if size >= 0.1 else 3
        digits = f"{abs(scaled):,.{decimals}f}"
        sign = "−" if scaled < 0 else "+" if self.signed else ""
        return sign + digits if digits.strip("0.,") else digits


TEXT: Final = Format()
COUNT: Final = Format()
PERCENT: Final = Format(1, 100, "%")
WHOLE_PERCENT: Final = Format(0, 100, "%")
DIFFERENCE: Final = Format(1, signed=True)  # of two percentages, in points
RATIO: Final = Format(2)
HOURS: Final = Format(None)
# Columns of evaluation tables: the unit is in the heading; shares are stored from 0 to 1.
RATE: Final = Format(2, 100, interval_decimals=1)  # a share
POINTS: Final = Format(2, 100, signed=True, interval_decimals=1)
NUMBER: Final = Format(3)
YEARS: Final = Format(2, interval_decimals=1)
P_VALUE: Final = Format(4, smallest=1e-4)


def known(value: Any) -> float | None:
    """The number if it is finite, otherwise None."""
    return None if value is None or isinstance(value, str) or not math.isfinite(value) else float(value)


def share_with_interval(row: Mapping[str, Any], name: str) -> str:
    """A share with its interval, as ``41.3 % (38.0–44.7)``, from the columns `name`, `name_low` and `name_high`."""
    low, high = (row[f"{name}_{end}"] for end in ("low", "high"))
    ends = f" ({PERCENT.text(low, unit=False)}–{PERCENT.text(high, unit=False)})"
    return PERCENT.text(row[name]) + ("" if known(low) is None or known(high) is None else ends)


def cut(text: str, length: int) -> str:
    """Text of at most so many characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def clock(seconds: float | None) -> str:
    """Seconds as ``h:mm:ss``."""
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def duration(seconds: float | None) -> str | None:
    """``0.07 s``, ``18 s`` or ``3 min 05 s``; None if unknown."""
    if seconds is None or seconds >= 60:
        return None if seconds is None else f"{seconds // 60:,.0f} min {seconds % 60:02.0f} s"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
