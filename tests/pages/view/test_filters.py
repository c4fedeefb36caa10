"""Tests of the filter that stands in the address."""

from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from gfpipe.errors import UsageError
from gfpipe.pages.view.filters import Filter

FULL = Filter("One & two", "News", "news", date(2001, 3, 4), date(2001, 3, 5), 7, 0)


def test_an_address_has_the_whole_filter() -> None:
    address = urlsplit(FULL.address("/trend", by="hour"))
    query = dict(parse_qsl(address.query))
    assert (address.path, query.pop("by")) == ("/trend", "hour")
    assert Filter.parse(query) == FULL


def test_an_empty_filter_has_no_query() -> None:
    assert Filter.parse({"channel": "", "hour": " "}).address("/", programme="") == "/"


@pytest.mark.parametrize("query", ["since=tomorrow", "weekday=0", "weekday=8", "hour=24", "hour=-1", "hour=²"])
def test_invalid_values_are_refused_by_name(query: str) -> None:
    with pytest.raises(UsageError, match=query.partition("=")[0]):
        Filter.parse(dict(parse_qsl(query)))


def test_a_genre_stands_for_its_programmes() -> None:
    genres = {"news": frozenset({"News", "Late news"})}
    assert Filter(genre="news").bound(genres)["programmes"] == ["Late news", "News"]
    assert Filter(genre="news", programme="Film").bound(genres)["programmes"] == []
    assert Filter(programme="Film").question({}).only == (("programme", ("Film",)),)


@pytest.mark.parametrize(
    ("by", "value", "expected"),
    [
        ("date", "2024-02-29", {"since": date(2024, 2, 29), "until": date(2024, 2, 29)}),
        ("week", "2024-W09", {"since": date(2024, 2, 26), "until": date(2024, 3, 3)}),
        ("month", "2024-02", {"since": date(2024, 2, 1), "until": date(2024, 2, 29)}),
        ("year", 2024, {"since": date(2024, 1, 1), "until": date(2024, 12, 31)}),
        ("weekday", 7, {"weekday": 7}),
        ("hour", "09", {"hour": 9}),
        ("programme", "Late news", {"programme": "Late news"}),
        ("media_type", "tv", {}),
    ],
)
def test_a_group_of_figures_is_a_filter(by: str, value: object, expected: dict[str, Any]) -> None:
    assert Filter().within(by, value) == Filter(**expected)


def test_a_command_opens_a_filter() -> None:
    command = Filter(channel="One & two", since=date(2024, 2, 1)).command("my lake")
    assert command == "gfpipe view --lake 'my lake' --channel 'One & two' --since 2024-02-01"


def test_a_period_in_an_address_stands_for_its_days() -> None:
    assert Filter.parse({"month": "2024-02", "channel": "One"}) == Filter("One").within("month", "2024-02")
    with pytest.raises(UsageError, match="week=2024-W60"):
        Filter.parse({"week": "2024-W60"})
