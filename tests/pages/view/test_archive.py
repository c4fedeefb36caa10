"""Tests of the views of an archive: calendar, recordings, figures."""

import csv
import html
import io
import re
from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.estimates.published import answer
from gfpipe.estimates.question import Question
from gfpipe.pages.view.figures import Figures
from gfpipe.pages.view.filters import Filter
from gfpipe.pages.view.serving import Tables
from gfpipe.pages.view.trend import sql
from tests.pages.label.pages import Visitor
from tests.pages.view.pages import viewing
from tests.warehouse.lakes import Face, Show, write_show


def cells(page: str) -> list[str]:
    return [html.unescape(text) for text in re.findall(r'<td><a class="[^"]*" href="[^"]*" aria-label="([^"]*)"', page)]


def test_the_calendar_gives_the_reason_of_every_gap(archive: Visitor) -> None:
    texts = cells(archive.get("/").text)
    assert len(texts) == 16
    gaps = [text for text in texts if "failed" in text or "missing" in text]
    assert gaps == [
        "One, Tue 6 March 2001: 2 recordings, 0.014 of 0.51 hours analysed; "
        "women’s share of face time 100.0 %; 1 missing: not analysed yet",
        "Two, Mon 5 March 2001: 2 recordings, 0.014 of 0.014 hours analysed; "
        "women’s share of face time 0.0 %; 1 failed: no video",
    ]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("", 18),
        ("channel=One", 9),
        ("programme=Film", 1),
        ("since=2001-03-05&until=2001-03-05", 3),
        ("weekday=7", 4),
        ("hour=23", 1),
        ("channel=Three", 0),
    ],
)
def test_a_filter_restricts_recordings(archive: Visitor, query: str, number: int) -> None:
    page = archive.get(f"/?{query}").text
    assert f">{number} recording" in page or (number == 0 and "No recording passes this filter" in page)


def test_a_cell_leads_to_the_recordings_of_its_day(archive: Visitor) -> None:
    address = re.search(r'<td><a class="[^"]*" href="([^"#]*)#recordings" aria-label="Two, Mon', archive.get("/").text)
    assert address
    page = archive.get(html.unescape(address[1])).text
    assert "2 recordings" in page
    assert "failed: no video" in page


def test_figures_and_their_csv_are_those_of_stats(archive: Visitor, made: Path) -> None:
    page = archive.get("/trend").text
    assert 'data-source="/trend/figures?by=channel"' in page
    rows = list(csv.DictReader(io.StringIO(archive.get("/trend.csv?by=channel").text)))
    with warehouse.open(made) as db:
        expected = answer(db, Question(by=("channel",))).to_pylist()
    names = ("channel", "share_female_face_time", "interval_note")
    written = [["" if row[name] is None else str(row[name]) for name in names] for row in expected]
    assert [[row[name] for name in names] for row in rows] == written


def test_figures_of_a_filter_are_computed_with_their_intervals(archive: Visitor) -> None:
    page = archive.get("/trend/figures?channel=One&weekday=7&by=hour").text
    assert "100.0 %" in page
    assert "Intervals are being computed" not in page
    assert "2001-03-11" in page
    assert "2001-03-05" not in page


def test_the_sql_of_a_figure_gives_the_figure(made: Path) -> None:
    given = Filter(channel="One", programme="News", weekday=7)
    figures = Figures(str(made))
    try:
        text = sql(given, "date", figures)
    finally:
        figures.close()
    with warehouse.open(made) as db:
        rows = db.query(text).to_pylist()
    assert [(row["group_name"], row["share_female_face_time"], row["recordings"]) for row in rows] == [
        ("2001-03-04", 1.0, 1),
        ("2001-03-11", 1.0, 1),
    ]


def test_sql_quotes_what_a_filter_holds(archive: Visitor) -> None:
    assert "Nothing that passes this filter" in archive.get("/trend?channel=x'%3B%20drop").text


def test_a_new_publishing_is_shown_without_a_restart(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(10.0, [Face(0.9)])]))
    warehouse.build(tmp_path)
    with viewing(str(tmp_path)) as visitor:
        assert "1 recording<" in visitor.get("/").text
        write_show(tmp_path, Show(programme="Film", samples=[(10.0, [Face(0.9)])]))
        warehouse.build(tmp_path)
        assert "2 recordings<" in visitor.get("/").text


def test_genres_come_from_a_table_of_programmes(made: Path, tmp_path: Path) -> None:
    table = tmp_path / "programmes.csv"
    table.write_text("programme,genre\nNews,news\nFilm,fiction\n")
    with viewing(str(made), Tables(programmes=table)) as visitor:
        assert "1 recording<" in visitor.get("/?genre=fiction").text
        assert '<option value="fiction" selected>' in visitor.get("/?genre=fiction").text


@pytest.mark.parametrize("path", ["/?since=x", "/?colour=red", "/trend?by=shoe", "/faces?read=x", "/faces?min_score=x"])
def test_invalid_addresses_say_what_is_wrong(archive: Visitor, path: str) -> None:
    response = archive.get(path)
    assert response.status_code == 400
    assert html.escape(path.partition("?")[2]) in response.text
