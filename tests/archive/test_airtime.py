"""Local times that occur twice or never, and programmes past midnight."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gfpipe.archive.airtime import ends_of, interval, moments
from gfpipe.errors import UsageError
from gfpipe.tables import times

PARIS = ZoneInfo("Europe/Paris")


def minutes(start: str, end: str, after: str | None = None) -> tuple[str, float]:
    """Start in UTC, and minutes to the end."""
    first = times.parse(start).on()
    previous = None if after is None else datetime.fromisoformat(after)
    begin, stop = interval(first, ends_of(times.parse(end), first), PARIS, previous)
    assert stop is not None
    return f"{begin.astimezone(UTC):%H:%M}", (stop.astimezone(UTC) - begin.astimezone(UTC)) / timedelta(minutes=1)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-10-27 01:30", "2024-10-27 03:30", ("23:30", 180)),
        ("2024-10-27 02:50", "2024-10-27 02:10", ("00:50", 20)),
        ("2024-10-27 02:50", "02:10", ("00:50", 20)),
        ("2024-10-27 02:30", "2024-10-27 02:45", ("00:30", 15)),
        ("2024-10-27 01:50", "2024-10-27 02:20", ("23:50", 30)),
        ("2024-10-27 02:50", "2024-10-27 03:10", ("01:50", 20)),
        ("2024-10-27 02:30+01:00", "2024-10-27 02:45+01:00", ("01:30", 15)),
        ("2024-03-31 01:30", "2024-03-31 03:30", ("00:30", 60)),
        ("2024-03-07 23:30", "2024-03-08 00:30", ("22:30", 60)),
        ("2024-03-07 23:30", "00:30", ("22:30", 60)),
        ("2024-02-28 23:59", "2024-03-01 00:01", ("22:59", 24 * 60 + 2)),
        ("2024-03-07 00:00", "2024-03-09 12:00", ("23:00", 60 * 60)),
    ],
)
def test_programmes_have_their_length(start: str, end: str, expected: tuple[str, float]) -> None:
    assert minutes(start, end) == expected


def test_a_programme_in_the_repeated_hour_follows_the_one_before() -> None:
    assert minutes("2024-10-27 02:30", "2024-10-27 02:45", "2024-10-27 02:20+01:00") == ("01:30", 15)
    assert minutes("2024-10-27 02:30", "2024-10-27 02:45", "2024-10-28 20:00+01:00") == ("00:30", 15)
    (first, second) = moments(datetime(2024, 10, 27, 2, 30), PARIS)
    assert interval(datetime(2024, 10, 27, 2, 30), (), PARIS, second) == (second, None)
    assert second.timestamp() - first.timestamp() == 3600


def test_a_time_that_is_left_out_is_refused_with_both_readings() -> None:
    with pytest.raises(
        UsageError, match=r"02:30 does not occur in Europe/Paris.*2024-03-31T01:30:00\+01:00.*T03:30:00"
    ):
        minutes("2024-03-31 02:30", "2024-03-31 03:30")


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(UsageError, match="the end 2024-03-07 00:30:00 is not after the start 2024-03-07 23:30:00"):
        minutes("2024-03-07 23:30", "2024-03-07 00:30")
