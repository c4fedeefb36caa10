"""Dates and times as people and spreadsheets write them.

Read are ISO 8601 (``2024-03-07 19:00:00+01:00``, also without separators), dates with the year first or last, names of
months in English, 12-hour clocks, 19h00, hours after midnight up to 47:59 (25:30 is 01:30 of the next day), and the
numbers of spreadsheets: days since 30 December 1899, or a part of a day (1.0625 is 25:30).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final

from gfpipe.choices import DateOrder
from gfpipe.errors import UsageError
from gfpipe.tables.sheet import Sheet

_DATE: Final = r"(?P<first>\d{1,4})(?P<mark>[-/.])(?P<middle>\d{1,2}|[a-z]{3,9})(?P=mark)(?P<last>\d{1,4})"
_CLOCK: Final = (
    r"(?P<hour>\d{1,2})(?:[:h](?P<minute>\d{2})(?:[:m](?P<second>\d{2})s?(?P<fraction>[.,]\d{1,9})?)?)?"
    r" ?(?P<half>[ap]\.?m\.?)?"
)
_OFFSET: Final = r" ?(?P<offset>z|utc|gmt|[+-]\d{2}:?(?:\d{2})?)?"
_WRITTEN: Final = re.compile(rf"(?:{_DATE})?(?:(?:^|t|,? )(?:{_CLOCK}){_OFFSET})?", re.IGNORECASE)
_COMPACT: Final = re.compile(
    rf"(?P<first>\d{{4}})(?P<middle>\d{{2}})(?P<last>\d{{2}})(?:[t ]?(?P<clock>\d{{4}}|\d{{6}}){_OFFSET})?",
    re.IGNORECASE,
)
# 0.30 may be a clock with 30 minutes: parts of a day have one decimal, or three and more.
_SERIAL: Final = re.compile(r"(?P<day>\d{5})(?P<fraction>[.,]\d+)?|(?P<clock>0(?:[.,]\d)?|[01][.,]\d{3,})")
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - spreadsheets know no zones
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
_REMEDY: Final = "write times as 2024-03-07 19:00:00"
_LATEST_HOUR: Final = 47
_YEARS: Final = (1900, 2199)


@dataclass(frozen=True)
class Written:
    """A time as written: the date and the offset are None if they are not written, the clock if only a date is."""

    day: date | None
    clock: timedelta | None
    offset: tzinfo | None = None

    def on(self, day: date | None = None) -> datetime:
        """The moment, on this day if no date is written; at 00:00 if no clock is.

        Raises:
            ValueError: there is no date.
        """
        if (day := self.day or day) is None:
            raise ValueError(f"a time without a date; {_REMEDY}")
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001
        return (midnight + (self.clock or timedelta())).replace(tzinfo=self.offset)


def parse(text: str, order: DateOrder | None = None) -> Written:
    """Read a time; dates such as 01/03/2024 need an order.

    Raises:
        ValueError: it is no time or has two readings; the message contains the text and what to write.
    """
    text = " ".join(text.split())
    try:
        if serial := _SERIAL.fullmatch(text):
            return _of_number(serial)
        if compact := _COMPACT.fullmatch(text):
            return _of_digits(compact)
        if (match := _WRITTEN.fullmatch(text)) and (match["first"] or match["minute"] or match["half"]):
            clock = _clock(match) if match["hour"] else None
            return Written(_date(match, order) if match["first"] else None, clock, _offset(match["offset"]))
    except ValueError as exc:
        raise ValueError(f"{text!r}: {exc}; {_REMEDY}") from exc
    raise ValueError(f"{text!r} is not a time; {_REMEDY}")


def order_in(table: Sheet, columns: Sequence[str]) -> DateOrder | None:
    """The order of dates that a table shows in these columns; raises UsageError if it shows both."""
    try:
        return order_of(row[column] for row in table.rows for column in columns)
    except ValueError as exc:
        raise UsageError(f"{table.path}: {exc}") from exc


def order_of(texts: Iterable[str]) -> DateOrder | None:
    """The order of day and month that a date such as 13/01/2024 shows among others; None if none does.

    Raises:
        ValueError: two dates show different orders.
    """
    shown: dict[DateOrder, str] = {}
    for text in texts:
        match = _WRITTEN.fullmatch(" ".join(text.split()))
        if match and match["last"] and len(match["last"]) == 4 and match["middle"].isdigit():
            first, middle = int(match["first"]), int(match["middle"])
            if max(first, middle) > 12:
                shown.setdefault(DateOrder.DAY_FIRST if first > 12 else DateOrder.MONTH_FIRST, text)
    if len(shown) > 1:
        day, month = shown[DateOrder.DAY_FIRST], shown[DateOrder.MONTH_FIRST]
        raise ValueError(f"{day} has the day first, {month} the month first; {_REMEDY}")
    return next(iter(shown), None)


def clock_time(hour: int, minute: int, second: int) -> timedelta:
    """The time since midnight of a clock that may run past midnight, up to 47:59; raises ValueError."""
    if hour > _LATEST_HOUR or minute > 59 or second > 59:
        raise ValueError(f"there is no {hour:02}:{minute:02}:{second:02}")
    return timedelta(hours=hour, minutes=minute, seconds=second)


def _date(match: re.Match[str], order: DateOrder | None) -> date:
    first, middle, last = match["first"], match["middle"], match["last"]
    if len(first) == 4 and len(last) <= 2 and middle.isdigit():
        return _day(first, middle, last)
    if len(first) > 2 or len(last) != 4:
        raise ValueError("the year needs four digits")
    if not middle.isdigit():
        if (month := middle[:3].casefold()) not in _MONTHS:
            raise ValueError(f"{middle} is no month in English")
        return _day(last, _MONTHS.index(month) + 1, first)
    if order is None and first.zfill(2) != middle.zfill(2) and max(int(first), int(middle)) <= 12:
        readings = _day(last, middle, first), _day(last, first, middle)
        raise ValueError(
            f"may be {_spelled(readings[0])} ({DateOrder.DAY_FIRST}) or {_spelled(readings[1])} "
            f"({DateOrder.MONTH_FIRST}), and no other row decides; give --dates {DateOrder.DAY_FIRST} or --dates "
            f"{DateOrder.MONTH_FIRST}"
        )
    order = order or (DateOrder.MONTH_FIRST if int(middle) > 12 else DateOrder.DAY_FIRST)
    day, month = (first, middle) if order is DateOrder.DAY_FIRST else (middle, first)
    return _day(last, month, day)


def _day(year: str, month: str | int, day: str) -> date:
    if not _YEARS[0] <= int(year) <= _YEARS[1]:
        raise ValueError(f"{year} is no year of television")
    return date(int(year), int(month), int(day))


def _spelled(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _clock(match: re.Match[str]) -> timedelta:
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(f"{hour} is no hour of a 12-hour clock")
        hour = hour % 12 + (12 if match["half"][0] in "pP" else 0)
    fraction = float((match["fraction"] or "0").replace(",", "."))
    return clock_time(hour, minute, second) + timedelta(seconds=fraction)


def _of_digits(match: re.Match[str]) -> Written:
    digits = (match["clock"] or "").ljust(6, "0")
    clock = clock_time(int(digits[:2]), int(digits[2:4]), int(digits[4:])) if match["clock"] else None
    return Written(_day(match["first"], match["middle"], match["last"]), clock, _offset(match["offset"]))


def _of_number(match: re.Match[str]) -> Written:
    """A spreadsheet's number: days since its epoch, or a part of a day; rounded to milliseconds."""
    share = float((match["fraction"] or match["clock"] or "0").replace(",", "."))
    clock = timedelta(milliseconds=round(share * 86_400_000))
    if match["day"] is None:
        return Written(None, clock)
    return Written((_EPOCH + timedelta(days=int(match["day"]))).date(), clock)


def _offset(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
