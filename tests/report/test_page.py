"""The report as HTML, without a browser."""

import re
from dataclasses import fields, replace
from functools import cache

import pyarrow as pa
import pytest

from gfpipe.output.formats import PERCENT
from gfpipe.report import elements
from gfpipe.report import page as report
from tests.report import examples
from tests.report.pages import Page

pytestmark = pytest.mark.slow

TABLES = [field.name for field in fields(report.Contents) if field.type is pa.Table]
FIGURES = {
    "kinds-of-time", "trend", "trend-by-channel", "weekday-hours", "channels", "coverage", "sensitivity"
}  # fmt: skip


@cache
def contents(name: str) -> report.Contents:
    return examples.small() if name == "small" else examples.large(channels=3, months=30, programmes=60)


@cache
def read(name: str) -> Page:
    return Page(report.render(contents(name)))


@pytest.mark.parametrize("name", ["small", "large"])
def test_every_number_is_its_exact_value_rounded(name: str) -> None:
    numbers = read(name).numbers
    assert len(numbers) > 50
    assert [number for number in numbers if not number.is_rounded] == []


@pytest.mark.parametrize("name", ["small", "large"])
def test_the_same_number_is_the_same_everywhere(name: str) -> None:
    page = read(name)
    given = {(number.name, number.group) for number in page.numbers} - {("hours_analysed", "programmes not listed")}
    assert [key for key in given if len(page.of(*key)) > 1] == []


def test_numbers_are_those_of_the_tables() -> None:
    page, given = read("large"), contents("large")
    assert page.of("share_female_face_time", "all") == {given.headline["share_female_face_time"]}
    for row in given.channels.to_pylist():
        for name in ("share_female_face_time_low", "share_female_face_time_corrected", "share_female_face_time_tracks"):
            assert page.of(name, f"channel={row['channel']}") == {row[name]}
    month = next(row for row in given.series.to_pylist() if row["month"] == "2015-02" and row["channel"] is None)
    assert page.of("share_female_face_time_corrected", "month=2015-02") == {month["share_female_face_time_corrected"]}
    cell = next(row for row in given.weekday_hours.to_pylist() if (row["weekday"], row["hour"]) == (3, 20))
    assert page.of("share_female_face_time_corrected_high", "weekday=3, hour=20") == {
        cell["share_female_face_time_corrected_high"]
    }


def test_the_calendar_adds_up_to_the_coverage_report() -> None:
    page, coverage = read("large"), contents("large").coverage
    analysed = sum(seconds for seconds in coverage["analysed_seconds"].to_pylist() if seconds) / 3600
    assert sum(number.value for number in page.numbers if number.name == "coverage_hours_analysed") == pytest.approx(
        analysed
    )


def test_headline_is_corrected_where_a_correction_is_known() -> None:
    lead = read("large").text.split("Women and men: perceived gender")[0]
    assert "Corrected for the classifier’s errors" in lead
    assert "31.5\N{NO-BREAK SPACE}%" in lead, "the share as counted stands beside it"


def test_headline_says_why_there_is_no_correction_and_no_interval() -> None:
    lead = read("small").text.split("Women and men: perceived gender")[0]
    assert "nobody has labelled faces of these broadcasts yet" in lead
    assert "fewer than 5 recordings" in lead
    assert "corrected" not in [heading.lower() for heading in re.findall(r"<th[^>]*>(\w+)</th>", read("small").html)]


def test_names_from_the_archive_are_escaped() -> None:
    html = report.render(
        replace(contents("small"), facts=replace(contents("small").facts, lake="<b onclick=x>", models=("<i>",)))
    )
    assert html.count("<script") == 1
    assert "<b onclick" not in html
    assert "<i>" not in html
    assert examples.EVIL in Page(html).text


def test_names_in_figures_are_escaped() -> None:
    evil = examples.large(channels=2, months=3, programmes=1)
    channels = evil.channels.to_pylist()
    channels[0]["channel"] = "<script>alert(1)</script>"
    assert report.render(replace(evil, channels=examples.estimates(channels))).count("<script") == 1


@pytest.mark.parametrize("name", ["small", "large"])
def test_no_resources_are_loaded(name: str) -> None:
    page = read(name)
    assert "://" not in page.html
    assert "@import" not in page.html
    assert {tag for tag, _ in page.tags} & {"img", "iframe", "object", "video", "audio"} == set()
    references = [str(given[key]) for _, given in page.tags for key in ("src", "href", "xlink:href") if given.get(key)]
    assert [reference for reference in references if not reference.startswith("#")] == ["data:,"]
    assert {reference[1:] for reference in references if reference.startswith("#")} <= set(page.ids)
    assert re.findall(r"url\((?!#)", page.html) == []


@pytest.mark.parametrize("name", ["small", "large"])
def test_ids_are_unique_and_those_referred_to_exist(name: str) -> None:
    page = read(name)
    assert len(page.ids) == len(set(page.ids))
    assert set(re.findall(r"url\(#([^)]+)\)", page.html)) <= set(page.ids)


def test_every_figure_has_a_text_alternative_with_numbers_and_its_table() -> None:
    page = read("large")
    pictures = [given for tag, given in page.tags if given.get("role") == "img" and "aria-labelledby" in given]
    assert {str(given["aria-labelledby"]).removesuffix("-sentence") for given in pictures} == FIGURES
    for figure in FIGURES:
        alternative = re.search(rf'<p class="sentence" id="{figure}-sentence">(.*?)</p>', page.html, re.DOTALL)
        assert alternative is not None
        assert any(character.isdigit() for character in alternative[1])
        html = page.html.split(f'<figure id="{figure}">')[1].split("</figure>")[0]
        assert html.count("<svg class=") >= 2
        assert html.count("<tr>") > 1


def test_a_missing_month_breaks_the_series_and_stands_in_its_table() -> None:
    months = [row for row in contents("large").series.to_pylist() if row["month"] != "2015-03"]
    page = Page(report.render(replace(contents("large"), series=examples.estimates(months))))
    assert "1 of 30 periods has no value." in page.text
    assert "March 2015" in page.text
    assert page.of("share_female_face_time_corrected", "month=2015-03") == set()


def test_a_series_is_never_half_corrected() -> None:
    months = contents("large").series.to_pylist()
    months[4] |= {"share_female_face_time_corrected": None}
    page = Page(report.render(replace(contents("large"), series=examples.estimates(months))))
    trend = page.html.split('<figure id="trend">')[1].split("</figure>")[0]
    assert "only 29 of 30 have a corrected value" in trend
    assert 'data-name="share_female_face_time_corrected"' not in trend


def test_programmes_are_those_with_most_hours_and_the_rest_is_counted() -> None:
    page = read("large")
    table = page.html.split('<section id="by-programme">')[1].split("</section>")[0]
    hours = [number.value for number in Page(table).numbers if number.name == "hours_analysed"]
    listed, rest = hours[:-1], hours[-1]
    every = sorted(contents("large").programmes["hours_analysed"].to_pylist(), reverse=True)
    assert listed == every[: report.PROGRAMMES_SHOWN]
    assert rest == pytest.approx(sum(every[report.PROGRAMMES_SHOWN :]))
    assert "And 10 more programmes" in page.text


def test_a_single_month_has_no_trend_figure() -> None:
    assert "In the only period with a share" in read("small").text
    assert '<figure id="trend-by-channel">' not in read("small").html


def test_several_models_are_mentioned() -> None:
    assert "due to a change of model" in read("large").text
    assert "due to a change of model" not in read("small").text


def test_excluded_uses_are_listed() -> None:
    for name in ("small", "large"):
        text = " ".join(read(name).text.split())
        assert "must not be used for" in text
        assert "not a statement of how a person identifies" in text
        assert "perceived gender" in text


def test_renders_where_everything_is_null() -> None:
    given = contents("large")
    keys = {"channel", "programme", "month", "weekday", "hour", "variant", "air_date", "size", "answer"}
    blank = {name: _without_values(getattr(given, name), keys) for name in TABLES}
    page = Page(report.render(report.Contents(headline={}, unit="month", facts=report.Facts(), **blank)))
    assert "no face was counted as a woman’s or a man’s" in page.text
    assert "nan" not in page.text.lower().split()
    assert "None" not in page.text


def test_renders_where_everything_is_empty() -> None:
    given = contents("large")
    empty = {name: getattr(given, name).slice(0, 0) for name in TABLES}
    page = Page(report.render(report.Contents(headline={}, unit="month", facts=report.Facts(), **empty)))
    assert "Method and limits" in page.text
    assert [given for _, given in page.tags if given.get("role") == "img"] == []


@pytest.mark.slow
def _without_values(table: pa.Table, keys: set[str]) -> pa.Table:
    return pa.table({
        name: table[name] if name in keys else pa.nulls(table.num_rows, table.schema.field(name).type)
        for name in table.column_names
    })  # fmt: skip


def test_every_number_links_to_what_is_behind_it() -> None:
    row = {"channel": "a & b", "month": "2024-03", "share_female_face_time": 0.4, "coverage": 1.0}
    group = elements.group_of(row, ("channel", "month"))
    page = "".join(elements.number(row, name, PERCENT, group) for name in ("share_female_face_time", "coverage"))
    linked = elements.linked(page, "http://127.0.0.1:8766", {"since": "2024-01-01", "until": None})
    query = "?since=2024-01-01&amp;channel=a+%26+b&amp;month=2024-03"
    assert re.findall(r'<a class="view" href="([^"]*)"><data', linked) == [
        f"http://127.0.0.1:8766/faces{query}",
        f"http://127.0.0.1:8766/{query}",
    ]
    assert linked.count("</data></a>") == 2
