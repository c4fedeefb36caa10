"""Times as people and spreadsheets write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gfpipe.choices import DateOrder
from gfpipe.tables import times

EVENING = datetime(2024, 3, 7, 19, 5)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-07 19:05",
        "2024-03-07T19:05:00.000",
        "2024/03/07 19:05:00",
        "2024.3.7 19h05",
        "20240307T190500",
        "20240307190500",
        "13/03/2024 19:05",
        "2024-03-07 7:05 PM",
        "2024-03-07 7:05\u202fpm",
        "2024-03-07  07:05:00 p.m.",
        "7-Mar-2024 19:05",
        "45358.7951388889",
        "45358,7951388889",
    ],
)
def test_times_are_read(text: str) -> None:
    moment = times.parse(text).on()
    assert moment.replace(day=7) == EVENING
    assert moment.day == (13 if text.startswith("13") else 7)


@pytest.mark.parametrize(
    ("text", "offset"),
    [("Z", UTC), ("+01:00", timezone(timedelta(hours=1))), (" -0330", timezone(-timedelta(hours=3, minutes=30)))],
)
def test_offsets_are_read(text: str, offset: timezone) -> None:
    assert times.parse(f"2024-03-07T19:05:00{text}").on() == EVENING.replace(tzinfo=offset)
    assert times.parse(f"20240307190500{text}").on() == EVENING.replace(tzinfo=offset)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-07 25:30", datetime(2024, 3, 8, 1, 30)),
        ("2024-02-28 24:00", datetime(2024, 2, 29)),
        ("2024-03-07 12:00 AM", datetime(2024, 3, 7)),
        ("2024-03-07 12:30 pm", datetime(2024, 3, 7, 12, 30)),
        ("2024-03-07", datetime(2024, 3, 7)),
        ("45358", datetime(2024, 3, 7)),
        ("45358.0625", datetime(2024, 3, 7, 1, 30)),
    ],
)
def test_midnight_noon_and_hours_after_midnight(text: str, moment: datetime) -> None:
    assert times.parse(text).on() == moment


@pytest.mark.parametrize("text", ["19:05", "7:05 pm", "0.795138888888889", "0,795138888888889"])
def test_times_of_the_day_need_a_date(text: str) -> None:
    written = times.parse(text)
    assert written.on(EVENING.date()) == EVENING
    with pytest.raises(ValueError, match="a time without a date"):
        written.on()


@pytest.mark.parametrize(
    ("text", "clock"), [("0", timedelta()), ("0.5", timedelta(hours=12)), ("1.0625", timedelta(hours=25, minutes=30))]
)
def test_parts_of_a_day_are_times(text: str, clock: timedelta) -> None:
    assert times.parse(text).clock == clock


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0.30", "is not a time"),
        ("1", "is not a time"),
        ("yesterday", "'yesterday' is not a time; write times as 2024-03-07 19:00:00"),
        ("", "is not a time"),
        ("19", "is not a time"),
        ("2023-02-29 20:00", "day is out of range for month"),
        ("2024-03-07 19:65", "there is no 19:65:00"),
        ("2024-03-07 48:00", "there is no 48:00:00"),
        ("2024-03-07 13:00 PM", "13 is no hour of a 12-hour clock"),
        ("24/03/07 19:00", "the year needs four digits"),
        ("0224-03-07 19:00", "0224 is no year of television"),
        ("7-mars-2024", None),
        ("7-xyz-2024", "xyz is no month in English"),
        ("2024-03-07 19:00 CET", "is not a time"),
    ],
)
def test_other_text_is_refused(text: str, problem: str | None) -> None:
    if problem is None:
        assert times.parse(text).on() == datetime(2024, 3, 7)
        return
    with pytest.raises(ValueError, match=problem):
        times.parse(text)


def test_ambiguous_dates_are_refused_with_both_readings() -> None:
    with pytest.raises(
        ValueError, match=r"1 March 2024 \(day-first\) or 3 January 2024 \(month-first\).*--dates day-f"
    ):
        times.parse("01/03/2024 19:00")
    assert times.parse("01/03/2024 19:00", DateOrder.DAY_FIRST).on() == datetime(2024, 3, 1, 19)
    assert times.parse("01/03/2024 7 PM", DateOrder.MONTH_FIRST).on() == datetime(2024, 1, 3, 19)
    assert times.parse("05/05/2024").on() == datetime(2024, 5, 5)
    with pytest.raises(ValueError, match="month must be in 1"):
        times.parse("13/01/2024", DateOrder.MONTH_FIRST)


def test_a_day_above_12_decides_for_all_dates() -> None:
    assert times.order_of(["01/03/2024", "", "13.03.2024 19:00"]) is DateOrder.DAY_FIRST
    assert times.order_of(["01/03/2024", "03/13/2024"]) is DateOrder.MONTH_FIRST
    assert times.order_of(["01/03/2024", "2024-03-13", "45358"]) is None
    with pytest.raises(ValueError, match=r"13/03/2024 has the day first, 03/13/2024 the month first"):
        times.order_of(["13/03/2024", "03/13/2024"])
