"""Higher, lower, rising, falling: said of what the intervals show, and of nothing else."""

import random
from typing import Any

import numpy as np
import pytest

from gfpipe.report import sentences
from gfpipe.report.findings import direction, extremes
from gfpipe.report.periods import series

NAME = "share_female_face_time"
SAYS_MORE = ("higher", "rises", "falls", "highest", "lowest")


def row(share: float, half: float | None, **keys: Any) -> dict[str, Any]:
    ends = (None, None) if half is None else (share - half, share + half)
    return {
        **keys,
        NAME: share,
        f"{NAME}_low": ends[0],
        f"{NAME}_high": ends[1],
        "recordings": 40,
        "hours_analysed": 9.0,
    }


def months(*shares: float, half: float | None = 0.05) -> list[dict[str, Any]]:
    rows = series([row(share, half, month=f"2024-{at:02d}") for at, share in enumerate(shares, 1)], "month")
    return [dict(each) for each in rows]


def test_two_channels_whose_intervals_overlap_are_not_called_different() -> None:
    assert extremes([row(0.3, 0.1, channel="a"), row(0.45, 0.1, channel="b")], NAME) is None
    low, high = extremes([row(0.3, 0.05, channel="a"), row(0.45, 0.05, channel="b")], NAME) or ({}, {})
    assert (low["channel"], high["channel"]) == ("a", "b")


def test_the_more_is_compared_the_wider_the_gap_has_to_be() -> None:
    two = [row(0.3, 0.05), row(0.42, 0.05)]
    assert extremes(two, NAME) is not None
    assert extremes([*two, *(row(0.36, 0.05) for _ in range(100))], NAME) is None


def test_a_value_without_an_interval_is_never_the_highest() -> None:
    low, high = extremes([row(0.999, None), row(0.2, 0.02), row(0.4, 0.02)], NAME) or ({}, {})
    assert (low[NAME], high[NAME]) == (0.2, 0.4)


@pytest.mark.parametrize(
    ("shares", "way"), [((0.2, 0.3, 0.4, 0.5), 1), ((0.5, 0.4, 0.3, 0.2), -1), ((0.3, 0.32, 0.29, 0.31), 0)]
)
def test_a_series_rises_or_falls_if_its_slope_is_certain(shares: tuple[float, ...], way: int) -> None:
    assert direction(months(*shares), NAME) == way


def test_a_series_that_scatters_more_than_its_intervals_has_no_trend() -> None:
    assert direction(months(0.2, 0.6, 0.25, 0.7, 0.3, half=0.01), NAME) == 0


@pytest.mark.parametrize(("shares", "way"), [((0.2, 0.5), 1), ((0.5, 0.3, 0.2), -1), ((0.3, 0.33), 0)])
def test_two_or_three_periods_are_compared_by_their_ends(shares: tuple[float, ...], way: int) -> None:
    assert direction(months(*shares), NAME) == way


def test_no_trend_without_intervals() -> None:
    assert direction(months(0.1, 0.2, 0.3, 0.4, 0.5, half=None), NAME) == 0


def test_among_archives_without_differences_few_claim_one() -> None:
    chance = np.random.default_rng(1)
    claims = [0, 0]
    for _ in range(400):
        error = chance.uniform(0.01, 0.04, 12)
        rows = [
            row(0.4 + chance.normal(0, each), 1.96 * each, month=f"{2020 + at}-01") for at, each in enumerate(error)
        ]
        claims[0] += extremes(rows, NAME) is not None
        claims[1] += direction(rows, NAME) != 0
    assert max(claims) <= 0.07 * 400


def test_an_archive_of_noise_is_described_without_a_finding() -> None:
    chance = random.Random(2)
    rows = months(*(0.4 + chance.gauss(0, 0.02) for _ in range(8)))
    hours = [row(0.4 + chance.gauss(0, 0.02), 0.05, weekday=day, hour=hour) for day in (1, 4) for hour in range(24)]
    hours.append(row(0.999, None, weekday=4, hour=13) | {"hours_analysed": 0.012})
    channels = [row(0.4 + chance.gauss(0, 0.02), 0.05, channel=name) for name in "abc"]
    said = [
        sentences.trend(rows, "month", NAME),
        sentences.trend_by_channel({"a": rows, "b": rows}, NAME),
        sentences.weekday_hours(hours, NAME),
        sentences.channels(channels, NAME),
    ]
    for sentence in said:
        assert not [
            word for word in SAYS_MORE if word in sentence.replace("Whether it rises or falls is not certain", "")
        ]
        assert "99" not in sentence


def test_what_has_no_interval_is_named_in_the_sentence() -> None:
    rows = [*months(0.4, 0.41), *months(0.9, half=None)]
    rows[2]["month"] = "2024-03"
    rows[2] |= {"start": rows[2]["start"].replace(month=3), "interval_note": "fewer than 5 recordings"}
    text = sentences.trend(rows, "month", NAME).striptags()
    assert "(no interval)" in text
    assert "Without an interval (fewer than 5 recordings), hollow in the figure: March 2024." in text
