"""Days, weeks, months, the calendar of coverage, and the data of figures."""

import json
import re
from datetime import date, timedelta

import pyarrow as pa
import pytest

from gfpipe.output.drawing import WHITE, readable_on
from gfpipe.output.formats import DIFFERENCE, HOURS, PERCENT, known
from gfpipe.report import periods
from gfpipe.report.calendar import Calendar, calendar, channels_of
from gfpipe.report.drawings import shares, trend
from gfpipe.report.drawings.axes import PHONE, share_domain
from gfpipe.report.drawings.calendar import STATES, coverage_calendar
from gfpipe.report.elements import Row, element, number


def coverage(*rows: tuple[str, date, float | None, float]) -> pa.Table:
    names = ("channel", "air_date", "scheduled_seconds", "analysed_seconds")
    return pa.Table.from_pylist([{**dict(zip(names, row, strict=True)), "recordings": 1} for row in rows])


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2024, 3, 7), date(2024, 3, 7), "7 March 2024"),
        (date(2024, 3, 7), date(2024, 3, 8), "7 – 8 Mar 2024"),
        (date(2024, 3, 7), date(2024, 4, 2), "7 Mar – 2 Apr 2024"),
        (date(2014, 3, 7), date(2024, 4, 2), "7 Mar 2014 – 2 Apr 2024"),
    ],
)
def test_a_period_is_said_without_repeating_itself(first: date, last: date, said: str) -> None:
    assert periods.span(first, last).replace("\N{THIN SPACE}", " ") == said


def test_months_without_rows_are_put_in() -> None:
    rows = periods.series([{"month": "2024-02", "n": 2}, {"month": "2023-11", "n": 1}], "month")
    assert rows == [
        {"month": "2023-11", "n": 1, "start": date(2023, 11, 1)},
        {"month": "2023-12", "start": date(2023, 12, 1)},
        {"month": "2024-01", "start": date(2024, 1, 1)},
        {"month": "2024-02", "n": 2, "start": date(2024, 2, 1)},
    ]


def test_weeks_and_days_without_rows_are_put_in_also_at_new_year() -> None:
    weeks = periods.series([{"week": "2024-W02"}, {"week": "2023-W52"}], "week")
    assert [row["week"] for row in weeks] == ["2023-W52", "2024-W01", "2024-W02"]
    days = periods.series([{"date": date(2024, 3, 1)}, {"date": date(2024, 2, 28)}], "day")
    assert [str(row["date"]) for row in days] == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert [periods.name(row["start"], "week") for row in weeks[:1]] == ["week of 25 December 2023"]


@pytest.mark.parametrize(
    ("days", "unit"), [(1, "day"), (7, "day"), (31, "day"), (32, "week"), (182, "week"), (183, "month")]
)
def test_a_series_is_as_fine_as_the_period_allows(days: int, unit: str) -> None:
    first = date(2024, 1, 1)
    assert periods.series_units(first, first + timedelta(days - 1))[0] == unit


@pytest.mark.parametrize(("count", "most"), [(1, 9), (5, 9), (14, 9), (50, 9), (120, 9), (300, 9), (1200, 9)])
def test_an_axis_of_months_names_some_and_not_too_many(count: int, most: int) -> None:
    months = [date(1950 + at // 12, at % 12 + 1, 1) for at in range(3, 3 + count)]
    labels = periods.labels(months, "month", 36.5 * most / count)
    assert 1 <= len(labels) <= most + 1
    assert set(labels) <= {f"{month}" for month in months}


@pytest.mark.parametrize(("days", "unit"), [(1, "day"), (62, "day"), (63, "week"), (730, "week"), (750, "month")])
def test_a_cell_is_as_long_as_the_period_asks_for(days: int, unit: str) -> None:
    first = date(2023, 1, 2)
    drawn = calendar(coverage(("a", first, 60.0, 60.0), ("a", first + timedelta(days - 1), 60.0, 60.0)))
    assert drawn.unit == unit
    assert len(drawn.cells) == len(drawn.starts)


def test_gaps_of_both_kinds_are_told_from_what_was_analysed() -> None:
    monday = date(2024, 3, 4)
    drawn = calendar(
        coverage(
            ("a", monday, 100.0, 99.5),
            ("a", monday + timedelta(1), 100.0, 60.0),
            ("a", monday + timedelta(2), 100.0, 0.0),
            ("a", monday + timedelta(4), None, 50.0),
            ("a", monday + timedelta(5), None, 0.0),
            ("a", monday + timedelta(6), 100.0, 1.0),
        )
    )
    assert [cell["state"] for cell in drawn.cells] == ["all", "half", "nothing", "none", "unknown", "nothing", "less"]
    assert {cell["state"] for cell in drawn.cells} <= set(STATES)


def test_far_fewer_hours_than_usual_are_shown_without_any_schedule_saying_so() -> None:
    monday = date(2024, 3, 4)
    rows = [("a", monday + timedelta(at), hours, hours) for at, hours in enumerate((10.0, 10.0, 4.0, 10.0))]
    assert [cell["short"] for cell in calendar(coverage(*rows)).cells] == [False, False, True, False]


def test_entries_without_a_date_are_counted() -> None:
    known_day = coverage(("a", date(2024, 3, 4), 1.0, 1.0))
    undated = pa.Table.from_pylist(
        [{"channel": None, "air_date": None, "scheduled_seconds": None, "analysed_seconds": 0.0, "recordings": 2}],
        known_day.schema,
    )
    assert calendar(pa.concat_tables([known_day, undated])).undated == 2
    assert calendar(undated).cells == ()


def test_a_week_belongs_to_its_monday_also_at_new_year() -> None:
    drawn = calendar(coverage(("a", date(2023, 12, 31), 1.0, 1.0), ("a", date(2024, 12, 1), 1.0, 1.0)))
    assert drawn.unit == "week"
    assert drawn.starts[:2] == (date(2023, 12, 25), date(2024, 1, 1))


def test_hours_of_the_week_without_analysis_carry_no_number_and_no_colour() -> None:
    rows: list[Row] = [
        {"weekday": 1, "hour": 9, "hours_analysed": 5.0, "share": 0.3, "share_low": 0.28, "share_high": 0.32},
        {"weekday": 1, "hour": 10, "hours_analysed": 0.0, "share": None},
        {"weekday": 1, "hour": 11, "hours_analysed": 0.1, "share": 0.9},
        {"weekday": 1, "hour": 12, "hours_analysed": 0.1, "share": None},
    ]
    cells = {(c["weekday"], c["hour"]): c for c in shares.weekday_hours(rows, "share", PHONE).data["cells"]}
    assert len(cells) == 7 * 24
    assert [cells["Mon", hour]["text"] for hour in (8, 9, 10, 11, 12)] == ["•", "30", "•", "90", "–"]
    assert [cells["Mon", hour]["fill"] is None for hour in (8, 9, 10, 11, 12)] == [True, False, True, False, False]


@pytest.mark.parametrize(("low", "high", "grey"), [(0.28, 0.32, False), (0.1, 0.5, True), (None, None, True)])
def test_cells_without_an_interval_or_with_a_wide_one_are_grey(
    low: float | None, high: float | None, grey: bool
) -> None:
    cell = {"weekday": 2, "hour": 13, "hours_analysed": 0.01, "share": 0.3, "share_low": low, "share_high": high}
    sure = {"weekday": 1, "hour": 9, "hours_analysed": 5.0, "share": 0.4, "share_low": 0.39, "share_high": 0.41}
    cells = {(c["weekday"], c["hour"]): c for c in shares.weekday_hours([cell, sure], "share", PHONE).data["cells"]}
    assert (cells["Tue", 13]["fill"] == shares.THIN) is grey


def test_a_value_without_an_interval_is_hollow_and_not_joined_to_others() -> None:
    sure = {"share": 0.3, "share_low": 0.25, "share_high": 0.35}
    rows = periods.series(
        [{"month": "2024-01", **sure}, {"month": "2024-02", "share": 0.9}, {"month": "2024-03", **sure}], "month"
    )
    points = trend.trend(rows, "month", "share", PHONE).data["points"]
    assert [point["share"] for point in points] == [0.3, 0.9, 0.3]
    assert [point["joined"] for point in points] == [0.3, None, 0.3]
    assert [point["fill"] == WHITE for point in points] == [False, True, False]
    assert "no interval" in points[1]["says"]


def test_a_month_without_a_value_keeps_its_place_on_every_axis() -> None:
    rows = periods.series([{"month": "2024-01", "share": 0.3}, {"month": "2024-03", "share": 0.4}], "month")
    spec = json.dumps(trend.trend(rows, "month", "share", PHONE).chart.to_dict(validate=False))
    axes = re.findall(r'"field": "start", "scale": \{"domain": (\[[^]]*\])', spec)
    assert len(axes) == spec.count('"field": "start"') > 3
    assert {tuple(json.loads(axis)) for axis in axes} == {("2024-01-01", "2024-02-01", "2024-03-01")}


def test_a_week_in_which_one_of_three_recordings_failed_is_neither_complete_nor_unmarked() -> None:
    drawn = calendar(counted({"recordings": 3, "failed_recordings": 1, "unknown_length_recordings": 1}))
    assert [cell["state"] for cell in drawn.cells] == ["half"]
    assert _hatched(drawn) == [True]
    whole = calendar(counted({"recordings": 3}))
    assert [cell["state"] for cell in whole.cells] == ["all"]
    assert _hatched(whole) == [False]


def test_a_name_that_only_rejected_files_have_is_no_channel() -> None:
    table = counted(
        {}, {"channel": "Backup of C", "rejected_recordings": 1}, {"channel": None, "rejected_recordings": 1}
    )
    assert channels_of(table) == {"a"}
    assert calendar(table).channels == ("a",)


def counted(*rows: Row) -> pa.Table:
    """The report `coverage`; each row names what differs from a channel's complete day of one recording."""
    usual = {"channel": "a", "air_date": date(2024, 3, 4), "scheduled_seconds": 60.0, "analysed_seconds": 60.0}
    counts = ("failed", "missing", "rejected", "unknown_length")
    usual |= {"recordings": 1} | {f"{what}_recordings": 0 for what in counts}
    return pa.Table.from_pylist([usual | dict(row) for row in rows])


def _hatched(drawn: Calendar) -> list[bool]:
    return [cell["hatched"] for cell in coverage_calendar(drawn, PHONE).data["fold0"]]


@pytest.mark.parametrize(
    ("values", "scale"),
    [((0.31, 0.33), (0.3, 0.34)), ((0.3, 0.3), (0.28, 0.32)), ((0.02, 0.4), (0.0, 0.4)), ((0.98, 1.0), (0.96, 1.0))],
)
def test_a_scale_holds_all_values_and_ends_at_round_numbers(
    values: tuple[float, ...], scale: tuple[float, float]
) -> None:
    assert share_domain([{"share": value} for value in values], ["share"]) == scale


def test_a_scale_holds_the_intervals() -> None:
    low, high = share_domain([{"share": 0.3, "share_low": 0.21, "share_high": 0.47}], ["share"])
    assert low <= 0.21
    assert high >= 0.47


def test_formats_of_numbers() -> None:
    assert PERCENT.text(0.41327) == "41.3 %"
    assert DIFFERENCE.text(-0.84) == "\N{MINUS SIGN}0.8"
    assert DIFFERENCE.text(1.26) == "+1.3"
    assert DIFFERENCE.text(-0.01) == "0.0"
    assert [HOURS.text(value) for value in (12345.6, 45.67, 2.5, 0.0312, 0.0)] == [
        "12,346",
        "45.7",
        "2.50",
        "0.031",
        "0",
    ]


def test_unknown_numbers_are_a_dash() -> None:
    assert number({"share": None}, "share", PERCENT) == "–"
    assert number({}, "share", PERCENT) == "–"
    assert number({"share": float("nan")}, "share", PERCENT) == "–"
    assert known(float("inf")) is None


def test_a_number_carries_its_exact_value_its_name_and_its_group() -> None:
    assert element(0.1 + 0.2, "share", PERCENT, 'channel="a&b"') == (
        '<data value="0.30000000000000004" data-unit="%" data-name="share" data-group="channel=&#34;a&amp;b&#34;">'
        "30.0\N{NO-BREAK SPACE}%</data>"
    )


@pytest.mark.parametrize(
    "colour", [f"#{red:02x}{green:02x}80" for red in range(0, 256, 51) for green in range(0, 256, 51)]
)
def test_text_on_a_cell_has_enough_contrast(colour: str) -> None:
    one, other = sorted((_luminance(colour), _luminance(readable_on(colour))))
    assert (other + 0.05) / (one + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
