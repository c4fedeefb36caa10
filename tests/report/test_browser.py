"""The report in Chromium: desktop, phone and print."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from gfpipe.report.page import Contents, render
from tests.fixtures.browser import LOW_CONTRAST, PageLog
from tests.report import examples

pytestmark = pytest.mark.slow

WIDTHS = (360, 390, 640, 641, 800, 1280)
EXAMPLES: dict[str, Callable[[], Contents]] = {
    "one night": examples.small,
    "two months": partial(examples.large, channels=4, months=2, programmes=9),
    "a year": partial(examples.large, channels=13, months=14, programmes=20),
    "ten years": partial(examples.large, channels=10, months=120, programmes=80),
}

# Every label of the drawings that can be seen, with its place and its drawing's; crosses may touch, they are no words.
LABELS = """() => [...document.querySelectorAll('.drawing')].flatMap((drawing, at) =>
  [...drawing.querySelectorAll('text')].filter(
    text => text.checkVisibility() && !['', '×'].includes(text.textContent.trim())
  ).map(text => {
    const {left, right, top, bottom} = text.getBoundingClientRect();
    const {left: from, right: to} = drawing.getBoundingClientRect();
    return {at, text: text.textContent, left, right, top, bottom, from, to};
  }))"""
NUMBERS = """() => [...document.querySelectorAll('data')].map(data => ({
  shown: data.textContent, value: Number(data.value), unit: data.dataset.unit || '', name: data.dataset.name}))"""
SEEN = """() => [...document.body.querySelectorAll('*')].filter(it =>
  !it.closest('svg, nav, .tools, summary') && it.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})
).length"""


@dataclass
class Visit:
    """An open page and its log."""

    page: Page
    log: PageLog


@pytest.fixture(scope="module", params=list(EXAMPLES))
def visit(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(EXAMPLES[request.param]()), encoding="utf-8")
    page = browser.new_page()
    visit = Visit(page, PageLog.of(page))
    page.goto(path.as_uri())
    yield visit
    page.close()


def test_asks_for_nothing_and_complains_of_nothing(visit: Visit) -> None:
    visit.page.wait_for_load_state("networkidle")
    assert [url for url in visit.log.requests if not url.startswith("data:")] == [visit.page.url]
    assert visit.log.messages == []


def test_every_number_that_people_see_is_its_value_rounded(visit: Visit) -> None:
    numbers = visit.page.evaluate(NUMBERS)
    assert len(numbers) > 50
    for number in numbers:
        digits = number["shown"].replace("\N{MINUS SIGN}", "-").replace(",", "").rstrip("%").strip()
        scale = 100 if number["unit"] == "%" else 1
        decimals = len(digits.partition(".")[2])
        assert float(digits) == pytest.approx(number["value"] * scale, abs=0.5 * 10**-decimals + 1e-9), number


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_must_be_scrolled_sideways_to(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    for opened in ("true", "false"):
        visit.page.evaluate(f"() => document.querySelectorAll('details').forEach(it => it.open = {opened})")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    cut = "() => [...document.querySelectorAll('.fit')].filter(it => it.scrollWidth > it.clientWidth).length"
    assert visit.page.evaluate(cut) == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_labels_in_figures_stay_inside_and_apart(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    labels = visit.page.evaluate(LABELS)
    assert [
        label["text"] for label in labels if label["left"] < label["from"] - 4 or label["right"] > label["to"] + 8
    ] == []
    assert [
        (one["text"], other["text"])
        for at, one in enumerate(labels)
        for other in labels[at + 1 :]
        if one["at"] == other["at"] and _overlap(one, other)
    ] == []


@pytest.mark.parametrize("width", [390, 1280])
def test_each_figure_is_drawn_once_for_the_width(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    shown = visit.page.evaluate(
        "() => [...document.querySelectorAll('.drawing')].map("
        "it => [...it.querySelectorAll('svg')].filter(svg => svg.checkVisibility()).map(svg => svg.classList[0]))"
    )
    assert shown == [["narrow" if width < 641 else "wide"]] * len(shown)
    assert shown


def test_every_figure_has_a_name_that_says_its_message_in_numbers(visit: Visit) -> None:
    figures = visit.page.locator(".drawing").all()
    assert len(figures) >= 5
    for figure in figures:
        named_by = figure.get_attribute("aria-labelledby")
        says = visit.page.locator(f"#{named_by}").inner_text()
        assert any(sign.isdigit() for sign in says)
        assert visit.page.get_by_role("img", name=says, exact=True).count() == 1


def test_text_is_dark_enough(visit: Visit) -> None:
    assert visit.page.evaluate(LOW_CONTRAST) == []


def test_print_hides_nothing(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 718, "height": 1000})  # the width of A4 within its margins
    visit.page.evaluate("() => document.querySelectorAll('details').forEach(it => it.open = true)")
    on_screen = visit.page.evaluate(SEEN)
    visit.page.emulate_media(media="print")
    try:
        assert visit.page.evaluate(SEEN) == on_screen > 100
        cut = (
            "() => [...document.querySelectorAll('.scroll')].filter(it => it.scrollHeight > it.clientHeight + 1).length"
        )
        assert visit.page.evaluate(cut) == 0
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 718
    finally:
        visit.page.emulate_media(media="screen")


def _overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    across = min(one["right"], other["right"]) - max(one["left"], other["left"])
    down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
    return across > 1 and down > 3  # boxes of letters hold some air above and below
