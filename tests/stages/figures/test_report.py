"""The page and SQL agree: every number that a browser shows is in the answer to a question in the user guide."""

import random
import re
import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from numbers import Real
from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.errors import LakeError, UsageError
from gfpipe.estimates.question import Question
from gfpipe.stages.figures import publish, report, stats
from tests.conftest import ROOT
from tests.estimates.archives import fortnight, shows
from tests.report.pages import Page
from tests.warehouse.lakes import write_labels

pytestmark = pytest.mark.slow

GUIDE = (ROOT / "docs/guide/figures.md").read_text(encoding="utf-8")
SECTION = GUIDE.partition("## The report in SQL")[2].partition("\n## ")[0]
QUERIES = re.findall(r"^\|[^|]+\| `([^`]+)`", SECTION, re.MULTILINE)

# How many rows a table or figure has is no figure of the archive.
COUNTS = {"channels", "variants"}
KEYS = (
    "channel",
    "programme",
    "month",
    "week",
    "weekday",
    "hour",
    "air_date",
    "variant",
    "size",
    "answer",
    "perceived_gender",
    "path",
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two channels for a fortnight, with labels by somebody who sees one face in ten otherwise than the classifier."""
    folder = tmp_path_factory.mktemp("report")
    fortnight(folder)
    chance = random.Random(1)
    labels = []
    for show in shows():
        for index, (_, faces) in enumerate(show.samples):
            if faces and chance.random() < 0.05:
                said = (faces[0].p_female > 0.5) != (chance.random() < 0.1)
                moment = {"recording_id": show.recording_id, "seconds": 10.0 * index + 1}
                labels.append(moment | {"answer": "female" if said else "male", "whole_picture": len(faces) == 1})
    write_labels(folder, *labels)
    publish.run(folder)
    return folder


@pytest.fixture(scope="module")
def seen(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page as Chromium shows it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium (Debian's package chromium)")
    from playwright.sync_api import sync_playwright

    out = tmp_path_factory.mktemp("page") / "report.html"
    report.run(lake, out)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        page = browser.new_page()
        page.goto(out.as_uri())
        shown = Page(page.content())
        browser.close()
    return shown


def answers(lake: Path) -> Iterator[tuple[str, str, float]]:
    """Name, group and value of everything that the queries of the guide return."""
    with warehouse.open(lake) as db:
        for query in QUERIES:
            for row in db.query(query).to_pylist():
                yield from _numbers(row)
    for by in ("week",), ("channel", "week"):
        for row in stats.run(lake, Question(by)).to_pylist():
            yield from _numbers(row)


def _numbers(row: dict[str, object]) -> Iterator[tuple[str, str, float]]:
    group = ", ".join(f"{key}={row[key]}" for key in KEYS if row.get(key) is not None) or "all"
    yield from ((name, group, float(each)) for name, each in row.items() if isinstance(each, Real | Decimal))


def test_every_number_on_the_page_is_in_sql(lake: Path, seen: Page) -> None:
    in_sql: dict[tuple[str, str], set[float]] = {}
    for name, group, value in answers(lake):
        in_sql.setdefault((name, group), set()).add(value)
    numbers = [number for number in seen.numbers if number.name not in COUNTS]
    assert len(numbers) > 250
    for number in numbers:
        group = number.group.removeprefix("detector_recall, ")
        # What nobody said of any face has no row in `confusion`, and a 0 in the table.
        known = in_sql.get((number.name, group), {0.0} if "perceived_gender" in group else set())
        assert any(number.value == pytest.approx(value, rel=1e-9, abs=1e-12) for value in known), number
        assert number.is_rounded, number


def test_the_headline_is_the_corrected_share_with_its_interval(lake: Path, seen: Page) -> None:
    with warehouse.open(lake) as db:
        (row,) = db.query("from estimates where grouping = 'all'").to_pylist()
    assert row["share_female_face_time_corrected"] != pytest.approx(row["share_female_face_time"], abs=0.005)
    for end in ("", "_low", "_high"):
        name = f"share_female_face_time_corrected{end}"
        assert [*seen.of(name, "all")] == [pytest.approx(row[name])]


def test_a_narrower_question_gives_a_page_of_its_own(lake: Path, tmp_path: Path) -> None:
    report.run(lake, tmp_path / "deep" / "one.html", Question(only_channels=("One",)))
    page = Page((tmp_path / "deep" / "one.html").read_text(encoding="utf-8"))
    assert {number.group for number in page.numbers if number.group.startswith("channel=Two")} == set()
    with warehouse.open(lake) as db:
        (row,) = db.query("from screen_time_by_channel where channel = 'One'").to_pylist()
    assert [*page.of("share_female_face_time", "all")] == [pytest.approx(row["share_female_face_time"])]


def test_a_period_without_recordings_is_refused(lake: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recording is of these days"):
        report.run(lake, tmp_path / "none.html", Question(since=date(2030, 1, 1)))


def test_where_the_page_cannot_be_written_is_said(lake: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="cannot be written"):
        report.run(lake, tmp_path / "file" / "report.html")
