"""What the page's few lines of script do in Chromium, and that it can be read without them, by everybody."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page

from gfpipe.report.page import render
from tests.fixtures.browser import LOW_CONTRAST, PageLog
from tests.report import examples

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    contents = examples.large(channels=3, months=8, programmes=9)
    channels = contents.channels.to_pylist()
    channels[1]["channel"] = '=HYPERLINK("x"), Ltd'
    path: Path = tmp_path_factory.mktemp("script") / "report.html"
    path.write_text(render(replace(contents, channels=examples.estimates(channels))), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    page = browser.new_page()
    log = PageLog.of(page)
    page.goto(file.as_uri())
    yield page
    assert log.messages == []
    assert [url for url in log.requests if not url.startswith(("data:", "blob:"))] == [page.url.partition("#")[0]]
    page.close()


def test_the_numbers_of_a_figure_are_saved_exactly_and_no_spreadsheet_runs_them(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as download:
        page.locator("#channels [data-save=csv]").click()
    assert download.value.suggested_filename == "channels.csv"
    download.value.save_as(tmp_path / "channels.csv")
    with (tmp_path / "channels.csv").open(encoding="utf-8-sig", newline="") as saved:
        rows = list(csv.DictReader(saved))
    contents = examples.large(channels=3, months=8, programmes=9).channels.to_pylist()
    assert {row["channel"] for row in rows} > {'\'=HYPERLINK("x"), Ltd'}
    shares = "share_female_face_time_corrected", "share_female_face_time_low", "hours_analysed"
    for share in shares:
        assert sorted(float(row[share]) for row in rows) == sorted(row[share] for row in contents)


def test_every_figure_offers_its_numbers_and_its_picture(page: Page) -> None:
    for figure in page.locator("figure").all():
        assert figure.locator("[data-save=csv]").is_visible()
        assert figure.locator("[data-save=png]").count() == figure.locator(".drawing").count()
        target = figure.locator(".tools a").get_attribute("href")
        assert target == f"#{figure.get_attribute('id')}"


@pytest.mark.parametrize("figure", ["trend", "coverage"])
def test_a_figure_is_saved_as_a_picture_also_from_the_dark(
    browser: Browser, file: Path, tmp_path: Path, figure: str
) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(file.as_uri())
    with page.expect_download() as download:
        page.locator(f"#{figure} [data-save=png]").click()
    download.value.save_as(tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.width > 1300
        assert picture.convert("L").getpixel((2, 2)) == 255
        assert len(set(picture.convert("L").resize((200, 100)).tobytes())) > 20
    page.close()


def test_a_value_is_shown_under_the_pointer(page: Page) -> None:
    mark = page.locator("#trend .wide [data-says]").first
    said = mark.get_attribute("data-says")
    assert said
    mark.hover(force=True)
    assert page.locator(".tip").inner_text() == said
    page.mouse.move(1, 1)
    assert page.locator(".tip").is_hidden()


def test_tables_are_open_in_print_and_closed_again(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_without_script_nothing_is_offered_that_does_not_work(browser: Browser, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("button:visible").count() == 0
    assert page.locator("svg.wide:visible").count() == page.locator(".drawing").count() > 5
    page.locator("#trend summary").click()
    assert page.locator("#trend table").is_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_is_accessible(browser: Browser, file: Path, scheme: Literal["light", "dark"], width: int) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True)
    page.goto(file.as_uri())
    page.evaluate("() => document.querySelectorAll('details').forEach(it => it.open = true)")
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []
    assert page.evaluate(LOW_CONTRAST) == []
    page.close()
