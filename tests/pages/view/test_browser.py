"""Tests of the four views in Chromium: accessible, in both colour schemes, on a phone, and with the keyboard alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from gfpipe.labelling.design import queues
from gfpipe.pages.view.marks import QUEUE
from tests.fixtures.browser import PageLog
from tests.labelling.broadcasts import rows
from tests.pages.view.pages import on_socket

pytestmark = pytest.mark.slow

TIMEOUT = 30_000  # milliseconds; test machines are busy
SEVERE = {"serious", "critical"}


@dataclass
class Visit:
    """A page that is logged in, its server's address, and its log."""

    page: Page
    lake: str
    address: str
    log: PageLog

    def open(self, path: str) -> None:
        self.page.goto(self.address.rstrip("/") + path)
        self.page.wait_for_load_state("networkidle")

    def open_two_men(self) -> None:
        row = next(row for row in rows(self.lake, "recordings") if row["programme"] == "two men")
        self.open(f"/programme/{row['recording_id']}")
        expect(self.page.locator("#faces tbody tr")).to_have_count(2, timeout=TIMEOUT)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture
def visit(browser: Browser, footage: str) -> Iterator[Visit]:
    with on_socket(footage) as (address, entry):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(TIMEOUT)
        log = PageLog.of(page)
        page.goto(entry)
        expect(page.get_by_role("heading", name="Archive")).to_be_visible(timeout=TIMEOUT)
        yield Visit(page, footage, address, log)
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_views_are_accessible_and_fit_their_window(visit: Visit, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for width in (1440, 390):
        visit.page.set_viewport_size({"width": width, "height": 844})
        for path in ("/", "/trend", "/programme", "/faces", "/?since=x"):
            visit.open(path)
            violations = Axe().run(visit.page).response["violations"]
            assert [each["id"] for each in violations if each["impact"] in SEVERE] == [], (path, width)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    assert [text for text in visit.log.messages if "400" not in text] == []
    assert all(url.startswith((visit.address, "blob:")) for url in visit.log.requests)


def test_cells_and_samples_are_reached_with_the_keyboard(visit: Visit) -> None:
    page = visit.page
    page.locator(".calendar a").first.focus()
    expect(page.locator("#detail")).to_contain_text("3 recordings", timeout=TIMEOUT)
    visit.press("Enter")
    expect(page).to_have_url(re.compile("channel=south"), timeout=TIMEOUT)
    visit.open_two_men()
    strip = page.get_by_role("slider", name="Position in the recording")
    visit.press("ArrowRight", "ArrowRight")
    expect(strip).to_have_attribute("aria-valuenow", "2")
    expect(strip).to_have_attribute("aria-valuetext", re.compile("men only"))
    expect(page).to_have_url(re.compile("sample=2"))
    visit.press("ArrowLeft", "ArrowLeft", "ArrowLeft")
    expect(strip).to_have_attribute("aria-valuenow", "0")
    strip.focus()
    visit.press("End")
    expect(strip).to_have_attribute("aria-valuenow", strip.get_attribute("aria-valuemax") or "")
    expect(page.locator("#boxes .male")).to_have_count(2, timeout=TIMEOUT)
    assert visit.log.messages == []


def test_pointing_to_the_strip_shows_another_frame_and_leaving_it_the_former(visit: Visit) -> None:
    visit.open_two_men()
    overview = visit.page.locator("#overview")
    box = overview.bounding_box()
    assert box
    visit.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 10)
    expect(visit.page.locator("#moment")).to_contain_text("0:00:03", timeout=TIMEOUT)
    visit.page.mouse.move(5, 5)
    expect(visit.page.locator("#moment")).to_contain_text("0:00:00", timeout=TIMEOUT)


def test_a_wrong_face_is_found_and_marked(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("link", name="Faces").click()
    page.locator(".sheet a").first.click()
    expect(page.locator("#faces tbody tr").first).to_be_visible(timeout=TIMEOUT)
    page.get_by_role("button", name=re.compile("as wrong")).first.click()
    expect(page.locator("#status")).to_contain_text("It never enters the figures", timeout=TIMEOUT)
    assert len(queues.read(visit.lake, QUEUE).items) == 1


def test_a_file_that_the_browser_cannot_play_gets_a_note_with_a_command(visit: Visit) -> None:
    visit.open_two_men()  # MPEG-2 in a transport stream
    visit.page.get_by_role("button", name="Play from here").click()
    note = visit.page.locator("#unplayable")
    expect(note).to_contain_text("mpv --start=0.0", timeout=TIMEOUT)
    assert not visit.page.locator("#player").is_visible()


def test_a_missing_file_is_a_note_in_place_of_its_frames(visit: Visit) -> None:
    row = next(row for row in rows(visit.lake, "recordings") if row["programme"] == "two men")
    path = Path(row["path"])
    hidden = path.rename(path.with_suffix(".hidden"))
    try:
        visit.open_two_men()
        expect(visit.page.locator("#problem")).to_contain_text(str(path), timeout=TIMEOUT)
    finally:
        hidden.rename(path)
