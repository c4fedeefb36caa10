"""The page as an annotator has it: in Chromium, with a mouse, with keys alone, and on a phone."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gfpipe.labelling.design.queues import FACE
from tests.labelling.broadcasts import SCRIPT, items, mixed, queue, rows
from tests.labelling.page.pages import Served, serving

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PATIENCE = 30_000  # milliseconds; machines that test are busy
CONTRAST = """() => {
  const luminance = colour => {
    const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map(Number).map(c => c / 255).map(
      c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = it => {
    for (; it; it = it.parentElement) {
      const colour = getComputedStyle(it).backgroundColor;
      if (!colour.startsWith('rgba(0, 0, 0, 0')) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), poor = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const it = node.parentElement;
    if (!node.textContent.trim() || !it.checkVisibility() || it.closest(':disabled')) continue;
    const [one, other] = [luminance(getComputedStyle(it).color), luminance(ground(it))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) poor.push([node.textContent, ratio]);
  }
  return poor;
}"""


@dataclass
class Visit:
    """A page that is open, and what it did."""

    page: Page
    lake: str
    served: Served
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def shows(self, position: int, total: int = 5) -> None:
        """Wait until an item is on screen and can be answered."""
        expect(self.page).to_have_title(f"{position + 1} of {total} · labelling", timeout=PATIENCE)
        expect(self.page.locator("#picture.is-loading")).to_have_count(0, timeout=PATIENCE)
        self.page.wait_for_timeout(50)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def says(self, words: str) -> None:
        expect(self.page.locator("#status")).to_contain_text(words, timeout=PATIENCE)

    @property
    def labels(self) -> list[str]:
        return [row["answer"] for row in rows(self.lake, "labels")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs a Chromium to open the page in: no program called chromium is on the path")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser, broadcasts: str) -> Iterator[Visit]:
    asked = mixed(broadcasts)
    with serving(broadcasts, asked) as served:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE)
        visited = Visit(page, broadcasts, served)
        page.on("request", lambda asked: visited.requests.append(asked.url))
        page.on("console", lambda said: visited.complaints.append(said.text))
        page.on("pageerror", lambda error: visited.complaints.append(str(error)))
        page.on("dialog", lambda dialog: visited.complaints.append(f"dialog: {dialog.message}"))
        page.goto(served.entry)
        visited.shows(0)
        yield visited
        page.close()


def test_a_queue_is_answered_by_keys_alone(visit: Visit) -> None:
    page = visit.page
    assert "token" not in page.url
    visit.press("m")
    visit.shows(1)
    visit.says("Saved: man")
    visit.press("u")
    visit.shows(2)
    assert visit.labels == ["male", "undecided"]
    visit.press("Backspace")
    visit.shows(1)
    visit.says("Taken back")
    assert visit.labels == ["male"]
    visit.press("z")
    visit.shows(0)
    assert visit.labels == []
    visit.press("w")
    visit.shows(1)
    visit.press("n")
    visit.shows(2)
    visit.press("ArrowLeft")
    visit.shows(1)
    expect(page.get_by_role("button", name="Not a face")).to_have_attribute("aria-pressed", "true")
    visit.press("m")  # a change of mind
    visit.shows(2)
    assert visit.labels == ["female", "male"]
    visit.press("Enter")
    visit.says("Face 1 is still open")
    visit.press("m", "m", "Enter")
    visit.shows(3)
    visit.says("Saved: frame with 2 faces")
    visit.press("Enter")
    visit.shows(4)
    visit.press("w")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    expect(page.locator("#summary")).to_have_text("5 of 5 answered.")
    assert visit.labels == ["female", "male", "male", "male", "female"]
    assert [row["whole_picture"] for row in rows(visit.lake, "labels")] == [False, False, True, True, False]
    assert visit.complaints == []


def test_the_frame_of_a_face_is_shown_on_demand(visit: Visit) -> None:
    button = visit.page.get_by_role("button", name="Frame", exact=True)
    small = visit.page.locator("#image").evaluate("it => it.naturalWidth / it.naturalHeight")
    assert small == 1
    visit.press("f")
    expect(button).to_have_attribute("aria-pressed", "true")
    wide = visit.page.locator("#image").evaluate("it => it.naturalWidth / it.naturalHeight")
    assert wide == pytest.approx(176 / 144, abs=0.01)
    expect(visit.page.locator("#marks .current")).to_have_count(1)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    visit.press("f")
    visit.press("m")  # answered while the frame is on screen
    visit.shows(1)
    expect(button).to_have_attribute("aria-pressed", "false")
    assert visit.labels == ["male"]


def test_a_missed_face_is_drawn_answered_and_outlives_a_reload(visit: Visit) -> None:
    page = visit.page
    visit.press("ArrowRight")
    visit.shows(1)
    visit.press("ArrowRight")
    visit.shows(2)
    visit.press("m")
    drag(page, (0.42, 0.45), (0.56, 0.95))
    expect(page.locator("#marks .own")).to_have_count(1)
    visit.press("w")
    page.reload()
    visit.shows(0)
    visit.press("ArrowRight", "ArrowRight")
    visit.shows(2)
    expect(page.get_by_role("button", name="Face 3, woman, marked by you")).to_be_visible()
    page.get_by_role("button", name="Face 2, open").click()
    page.get_by_role("button", name="Cannot tell").click()
    page.get_by_role("button", name="Frame done").click()
    visit.says("Saved: frame with 3 faces")
    drawn = next(row for row in rows(visit.lake, "labels") if row["answer"] == "female")
    corners = [drawn["x1"] / 352, drawn["y1"] / 144, drawn["x2"] / 352, drawn["y2"] / 144]
    assert corners == pytest.approx([0.42, 0.45, 0.56, 0.95], abs=0.01)
    visit.shows(3)
    visit.press("z")  # the frame comes back with its answers
    visit.shows(2)
    assert visit.labels == []
    expect(page.get_by_role("button", name="Face 3, woman, marked by you")).to_be_visible()
    visit.press("Enter")
    visit.says("Saved: frame with 3 faces")
    assert len(visit.labels) == 3
    assert visit.complaints == []


def test_a_missed_face_is_marked_without_a_mouse(visit: Visit) -> None:
    page = visit.page
    visit.press("ArrowRight", "ArrowRight")
    visit.shows(2)
    visit.press("a", *["ArrowDown"] * 3, "Shift+ArrowDown", "Enter")
    expect(page.get_by_role("button", name="Face 3, open, marked by you")).to_be_visible()
    visit.press("n")
    expect(page.get_by_role("button", name=re.compile("marked by you"))).to_have_count(0)
    visit.press("a", "Escape")
    visit.press("ArrowUp")
    expect(page.locator("#marks .current")).to_have_attribute("data-at", "1")


def test_a_box_on_a_face_that_is_there_or_too_small_is_none(visit: Visit) -> None:
    page = visit.page
    visit.press("ArrowRight", "ArrowRight")
    visit.shows(2)
    box = page.locator("#marks [data-at='1']").bounding_box()
    picture = page.locator("#picture").bounding_box()
    assert box
    assert picture
    left, top = (box["x"] - picture["x"]) / picture["width"], (box["y"] - picture["y"]) / picture["height"]
    right, bottom = left + box["width"] / picture["width"], top + box["height"] / picture["height"]
    drag(page, (left, top), (right, bottom))
    visit.says("Face 2 is there already")
    drag(page, (0.48, 0.02), (0.52, 0.06))
    visit.says("does not count")
    expect(page.locator("#marks .own")).to_have_count(0)


def test_script_in_a_programmes_name_is_shown_and_not_run(visit: Visit) -> None:
    expect(visit.page.locator("#caption")).to_contain_text(f"south · {SCRIPT} · 2024-03-07 12:00:00")
    assert visit.page.locator("script").count() == 1
    assert visit.complaints == []


def test_everything_comes_from_this_server(visit: Visit) -> None:
    visit.press("f", "?")
    expect(visit.page.get_by_role("dialog")).to_be_visible()
    home = visit.served.address
    assert [url for url in visit.requests if not url.startswith((home, f"blob:{home}"))] == []
    assert visit.complaints == []


def test_help_opens_and_closes_and_keys_mean_nothing_meanwhile(visit: Visit) -> None:
    visit.press("?")
    dialog = visit.page.get_by_role("dialog", name="What would a viewer see?")
    expect(dialog).to_contain_text("perceived gender")
    assert visit.page.evaluate(CONTRAST) == []
    visit.press("m", "Escape")
    expect(dialog).to_be_hidden()
    visit.shows(0)
    assert not Path(visit.lake, "labels").exists() or visit.labels == []


def test_every_control_has_a_name_and_text_is_light_enough(visit: Visit) -> None:
    for _ in range(3):
        for control in visit.page.locator("button:visible").all():
            name = control.evaluate("it => it.ariaLabel || it.textContent.trim()")
            assert len(name) > 2 or name == "?", name
        assert visit.page.evaluate(CONTRAST) == []
        assert visit.page.locator("#image").get_attribute("alt")
        visit.press("ArrowRight")
        visit.page.wait_for_timeout(500)


@pytest.mark.parametrize("size", [(360, 640), (390, 844), (768, 1024), (1280, 800), (1920, 1080)], ids=str)
def test_nothing_must_be_scrolled_sideways_to_and_a_face_is_whole(visit: Visit, size: tuple[int, int]) -> None:
    visit.page.set_viewport_size({"width": size[0], "height": size[1]})
    for position in range(3):
        visit.shows(position)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        box = visit.page.locator("#picture").bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
        for answer in visit.page.locator("[data-answer]").all():
            place = answer.bounding_box()
            assert place
            assert place["y"] + place["height"] <= size[1]  # thumbs need not scroll
        visit.press("ArrowRight")


def test_a_finger_draws_only_when_it_is_told_to(browser: Browser, broadcasts: str) -> None:
    asked = mixed(broadcasts)
    with serving(broadcasts, asked) as served:
        context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
        page = context.new_page()
        visit = Visit(page, broadcasts, served)
        page.goto(served.entry)
        visit.shows(0)
        page.get_by_role("button", name="Man", exact=True).tap()
        visit.shows(1)
        page.get_by_role("button", name="Forward").tap()
        visit.shows(2)
        page.get_by_role("button", name="Face 2, open").tap()
        expect(page.locator("#marks .current")).to_have_attribute("data-at", "1")
        page.get_by_role("button", name="A face was missed").tap()
        expect(page.locator("#picture")).to_have_css("touch-action", "none")
        context.close()


def test_a_server_that_is_gone_is_said(visit: Visit) -> None:
    visit.served.stop()
    visit.press("m")
    visit.says("The server does not answer")


def test_a_picture_that_cannot_be_had_is_said_and_skipped(browser: Browser, broadcasts: str) -> None:
    face = items(broadcasts, FACE)[0]
    elsewhere = replace(face, channel="nowhere", recording_id="nowhere-1")
    asked = queue(broadcasts, elsewhere, face)
    with serving(broadcasts, asked) as served:
        page = browser.new_page()
        visit = Visit(page, broadcasts, served)
        page.goto(served.entry)
        expect(page.get_by_role("alert")).to_contain_text("This picture cannot be shown", timeout=PATIENCE)
        visit.press("m")
        page.get_by_role("button", name="Skip it").click()
        visit.shows(1, total=2)
        visit.press("m")
        expect(page.locator("#summary")).to_contain_text("1 of 2 answered, 1 skipped", timeout=PATIENCE)
        expect(page.get_by_role("button", name="Show the skipped ones")).to_be_visible()
        page.close()
    assert [row["position"] for row in rows(broadcasts, "labels")] == [1]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a box with the mouse; shares of the picture's sides."""
    box = page.locator("#picture").bounding_box()
    assert box
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=4)
    page.mouse.up()
