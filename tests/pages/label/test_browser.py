"""Tests of the labelling page in Chromium: with a mouse, with the keyboard, and on a phone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from gfpipe.labelling.design.queues import FACE
from gfpipe.recording import Recording
from tests.fixtures.browser import LOW_CONTRAST, PageLog
from tests.fixtures.hostile import HOSTILE
from tests.labelling.broadcasts import SCRIPT, items, mixed, queue, rows
from tests.lake import kept
from tests.pages.label.pages import Served, serving

pytestmark = pytest.mark.slow

KNOWS_HELP = "localStorage.setItem('gfpipe/help', 'shown')"
TIMEOUT = 30_000  # milliseconds; test machines are busy


@dataclass
class Visit:
    """An open page, its server and its log."""

    page: Page
    lake: str
    served: Served
    log: PageLog

    def wait_for(self, position: int, total: int = 5) -> None:
        """Wait until an item is on screen and can be answered."""
        expect(self.page).to_have_title(f"{position + 1} of {total} · labelling", timeout=TIMEOUT)
        expect(self.page.locator("#picture.is-loading")).to_have_count(0, timeout=TIMEOUT)
        self.page.wait_for_timeout(50)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def expect_status(self, text: str) -> None:
        expect(self.page.locator("#status")).to_contain_text(text, timeout=TIMEOUT)

    @property
    def labels(self) -> list[str]:
        return [row["answer"] for row in rows(self.lake, "labels")]


@pytest.fixture
def visit(browser: Browser, broadcasts: str) -> Iterator[Visit]:
    label_queue = mixed(broadcasts)
    with serving(broadcasts, label_queue) as served:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(TIMEOUT)
        page.add_init_script(KNOWS_HELP)
        visit = Visit(page, broadcasts, served, PageLog.of(page))
        page.goto(served.entry)
        visit.wait_for(0)
        yield visit
        page.close()


def test_a_queue_is_answered_with_the_keyboard(visit: Visit) -> None:
    page = visit.page
    assert "token" not in page.url
    visit.press("m")
    visit.wait_for(1)
    visit.expect_status("Saved: man")
    visit.press("u")
    visit.wait_for(2)
    assert visit.labels == ["male", "undecided"]
    visit.press("Backspace")
    visit.wait_for(1)
    visit.expect_status("Undone")
    assert visit.labels == ["male"]
    visit.press("z")
    visit.wait_for(0)
    assert visit.labels == []
    visit.press("w")
    visit.wait_for(1)
    visit.press("n")
    visit.wait_for(2)
    visit.press("ArrowLeft")
    visit.wait_for(1)
    expect(page.get_by_role("button", name="Not a face")).to_have_attribute("aria-pressed", "true")
    visit.press("m")  # answers again
    visit.wait_for(2)
    assert visit.labels == ["female", "male"]
    visit.press("Enter")
    visit.expect_status("Face 1 is still open")
    visit.press("m", "m", "Enter")
    visit.wait_for(3)
    visit.expect_status("Saved: frame with 2 faces")
    visit.press("Enter")
    visit.wait_for(4)
    visit.press("w")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    expect(page.locator("#summary")).to_have_text("5 of 5 answered.")
    expect(page.locator("#finished")).to_contain_text(f"gfpipe publish --lake {visit.lake}")
    assert visit.labels == ["female", "male", "male", "male", "female"]
    assert [row["whole_picture"] for row in rows(visit.lake, "labels")] == [False, False, True, True, False]
    assert visit.log.messages == []


def test_the_frame_of_a_face_is_shown_on_demand(visit: Visit) -> None:
    button = visit.page.get_by_role("button", name="Frame", exact=True)
    small = visit.page.locator("#image").evaluate("image => image.naturalWidth / image.naturalHeight")
    assert small == 1
    visit.press("f")
    expect(button).to_have_attribute("aria-pressed", "true")
    wide = visit.page.locator("#image").evaluate("image => image.naturalWidth / image.naturalHeight")
    assert wide == pytest.approx(176 / 144, abs=0.01)
    expect(visit.page.locator("#marks .current")).to_have_count(1)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    visit.press("f")
    visit.press("m")  # answered while the frame is on screen
    visit.wait_for(1)
    expect(button).to_have_attribute("aria-pressed", "false")
    assert visit.labels == ["male"]


def test_a_missed_face_is_drawn_answered_and_survives_a_reload(visit: Visit) -> None:
    page = visit.page
    visit.press("ArrowRight")
    visit.wait_for(1)
    visit.press("ArrowRight")
    visit.wait_for(2)
    visit.press("m")
    drag(page, (0.42, 0.45), (0.56, 0.95))
    expect(page.locator("#marks .marked")).to_have_count(1)
    visit.press("w")
    page.reload()
    visit.wait_for(0)
    visit.press("ArrowRight", "ArrowRight")
    visit.wait_for(2)
    expect(page.get_by_role("button", name="Face 3, woman, marked by you")).to_be_visible()
    page.get_by_role("button", name="Face 2, open").click()
    page.get_by_role("button", name="Cannot tell").click()
    page.get_by_role("button", name="Frame done").click()
    visit.expect_status("Saved: frame with 3 faces")
    drawn = next(row for row in rows(visit.lake, "labels") if row["answer"] == "female")
    corners = [drawn["x1"] / 352, drawn["y1"] / 144, drawn["x2"] / 352, drawn["y2"] / 144]
    assert corners == pytest.approx([0.42, 0.45, 0.56, 0.95], abs=0.01)
    visit.wait_for(3)
    visit.press("z")  # shows the frame with its answers
    visit.wait_for(2)
    assert visit.labels == []
    expect(page.get_by_role("button", name="Face 3, woman, marked by you")).to_be_visible()
    visit.press("Enter")
    visit.expect_status("Saved: frame with 3 faces")
    assert len(visit.labels) == 3
    assert visit.log.messages == []


def test_a_missed_face_is_marked_without_a_mouse(visit: Visit) -> None:
    page = visit.page
    visit.press("ArrowRight", "ArrowRight")
    visit.wait_for(2)
    visit.press("a", *["ArrowDown"] * 3, "Shift+ArrowDown", "Enter")
    expect(page.get_by_role("button", name="Face 3, open, marked by you")).to_be_visible()
    visit.press("n")
    expect(page.get_by_role("button", name=re.compile("marked by you"))).to_have_count(0)
    visit.press("a", "Escape")
    visit.press("ArrowUp")
    expect(page.locator("#marks .current")).to_have_attribute("data-index", "1")


def test_boxes_on_existing_faces_and_small_boxes_are_refused(visit: Visit) -> None:
    page = visit.page
    visit.press("ArrowRight", "ArrowRight")
    visit.wait_for(2)
    box = page.locator("#marks [data-index='1']").bounding_box()
    picture = page.locator("#picture").bounding_box()
    assert box
    assert picture
    left, top = (box["x"] - picture["x"]) / picture["width"], (box["y"] - picture["y"]) / picture["height"]
    right, bottom = left + box["width"] / picture["width"], top + box["height"] / picture["height"]
    drag(page, (left, top), (right, bottom))
    visit.expect_status("Face 2 is already there")
    drag(page, (0.48, 0.02), (0.52, 0.06))
    visit.expect_status("too small to count")
    expect(page.locator("#marks .marked")).to_have_count(0)


def test_scripts_in_programme_names_do_not_run(visit: Visit) -> None:
    expect(visit.page.locator("#caption")).to_contain_text(f"south · {SCRIPT} · 2024-03-07 12:00:00")
    assert visit.page.locator("script").count() == 1
    assert visit.log.messages == []


def test_all_requests_go_to_this_server(visit: Visit) -> None:
    visit.press("f", "?")
    expect(visit.page.get_by_role("dialog")).to_be_visible()
    home = visit.served.address
    assert [url for url in visit.log.requests if not url.startswith((home, f"blob:{home}"))] == []
    assert visit.log.messages == []


def test_help_opens_and_closes_and_disables_keys(visit: Visit) -> None:
    visit.press("?")
    dialog = visit.page.get_by_role("dialog", name="What would a viewer see?")
    expect(dialog).to_contain_text("perceived gender")
    assert visit.page.evaluate(LOW_CONTRAST) == []
    visit.press("m", "Escape")
    expect(dialog).to_be_hidden()
    visit.wait_for(0)
    assert not Path(visit.lake, "labels").exists() or visit.labels == []


def test_the_help_opens_on_the_first_visit_only(browser: Browser, broadcasts: str) -> None:
    with serving(broadcasts, mixed(broadcasts)) as served:
        page = browser.new_page()
        visit = Visit(page, broadcasts, served, PageLog.of(page))
        page.goto(served.entry)
        dialog = page.get_by_role("dialog", name="What would a viewer see?")
        expect(dialog).to_be_visible(timeout=TIMEOUT)
        visit.wait_for(0)
        visit.press("m", "Enter")  # no answer; closes the help
        expect(dialog).to_be_hidden()
        page.reload()
        visit.wait_for(0)
        expect(dialog).to_be_hidden()
        page.close()


def test_a_stale_tab_says_so_and_overwrites_nothing(visit: Visit, browser: Browser) -> None:
    other = browser.new_page()
    stale = Visit(other, visit.lake, visit.served, PageLog.of(other))
    other.add_init_script(KNOWS_HELP)
    other.goto(visit.served.entry)
    stale.wait_for(0)
    visit.press("m")
    visit.wait_for(1)
    stale.press("w")
    stale.expect_status("another tab or window")
    assert visit.labels == ["male"]
    other.reload()
    stale.wait_for(1)
    stale.press("w")
    stale.wait_for(2)
    visit.press("w")
    visit.expect_status("Reload this page")
    assert visit.labels == ["male", "female"]
    other.close()


@pytest.mark.parametrize("keys", [(), ("?",), ("ArrowRight", "ArrowRight")], ids=["face", "help", "frame"])
def test_axe_finds_nothing_serious_and_one_heading_of_the_first_level(visit: Visit, keys: tuple[str, ...]) -> None:
    visit.press(*keys)
    if "ArrowRight" in keys:
        visit.wait_for(2)
    expect(visit.page.get_by_role("heading", level=1, include_hidden=True)).to_have_count(1)
    found = Axe().run(visit.page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []


def test_controls_have_names_and_text_has_contrast(visit: Visit) -> None:
    for _ in range(3):
        for control in visit.page.locator("button:visible").all():
            name = control.evaluate("button => button.ariaLabel || button.textContent.trim()")
            assert len(name) > 2 or name == "?", name
        assert visit.page.evaluate(LOW_CONTRAST) == []
        assert visit.page.locator("#image").get_attribute("alt")
        visit.press("ArrowRight")
        visit.page.wait_for_timeout(500)


@pytest.mark.parametrize("size", [(360, 640), (390, 844), (768, 1024), (1280, 800), (1920, 1080)], ids=str)
def test_page_fits_the_viewport(visit: Visit, size: tuple[int, int]) -> None:
    visit.page.set_viewport_size({"width": size[0], "height": size[1]})
    for position in range(3):
        visit.wait_for(position)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        box = visit.page.locator("#picture").bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
        for answer in visit.page.locator("[data-answer]").all():
            box = answer.bounding_box()
            assert box
            assert box["y"] + box["height"] <= size[1]  # no scrolling needed
        visit.press("ArrowRight")


def test_touch_draws_only_in_drawing_mode(browser: Browser, broadcasts: str) -> None:
    label_queue = mixed(broadcasts)
    with serving(broadcasts, label_queue) as served:
        context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
        page = context.new_page()
        page.add_init_script(KNOWS_HELP)
        visit = Visit(page, broadcasts, served, PageLog.of(page))
        page.goto(served.entry)
        visit.wait_for(0)
        page.get_by_role("button", name="Man", exact=True).tap()
        visit.wait_for(1)
        page.get_by_role("button", name="Forward").tap()
        visit.wait_for(2)
        page.get_by_role("button", name="Face 2, open").tap()
        expect(page.locator("#marks .current")).to_have_attribute("data-index", "1")
        page.get_by_role("button", name="Add face").tap()
        expect(page.locator("#picture")).to_have_css("touch-action", "none")
        context.close()


def test_a_stopped_server_is_reported(visit: Visit) -> None:
    visit.served.stop()
    visit.press("m")
    visit.expect_status("The server does not respond")


def test_an_unavailable_picture_is_reported_and_skipped(browser: Browser, broadcasts: str) -> None:
    face = items(broadcasts, FACE)[0]
    elsewhere = replace(face, channel="nowhere", recording_id="nowhere-1")
    label_queue = queue(broadcasts, elsewhere, face)
    with serving(broadcasts, label_queue) as served:
        page = browser.new_page()
        page.add_init_script(KNOWS_HELP)
        visit = Visit(page, broadcasts, served, PageLog.of(page))
        page.goto(served.entry)
        expect(page.get_by_role("alert")).to_contain_text("This picture cannot be shown", timeout=TIMEOUT)
        visit.press("m")
        page.get_by_role("button", name="Skip").click()
        visit.wait_for(1, total=2)
        visit.press("m")
        expect(page.locator("#summary")).to_contain_text("1 of 2 answered, 1 skipped", timeout=TIMEOUT)
        expect(page.get_by_role("button", name="Show skipped items")).to_be_visible()
        page.close()
    assert [row["position"] for row in rows(broadcasts, "labels")] == [1]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a box with the mouse; positions are fractions of the picture's sides."""
    box = page.locator("#picture").bounding_box()
    assert box
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=4)
    page.mouse.up()


def test_names_are_text_of_the_page(browser: Browser, tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    for day, name in enumerate(HOSTILE, 1):
        path = tmp_path / f"{name.replace('/', '-')}.ts"
        path.write_bytes(name.encode())
        kept.keep(lake, Recording(str(path), name, name, datetime(2001, 3, day, 20, tzinfo=UTC)), 1)
    with serving(lake, queue(lake, *items(lake, FACE))) as served:
        page = browser.new_page()
        page.add_init_script(KNOWS_HELP)
        log = PageLog.of(page)
        page.goto(served.entry)
        for shown in HOSTILE.values():
            expect(page.locator("#caption")).to_contain_text(f"{shown} · {shown}", timeout=TIMEOUT)
            expect(page.locator("#picture.is-loading")).to_have_count(0, timeout=TIMEOUT)
            page.wait_for_timeout(50)
            page.keyboard.press("m")
        assert log.messages == []
        assert all(url.startswith((served.address, "data:", "blob:")) for url in log.requests)
        page.close()
