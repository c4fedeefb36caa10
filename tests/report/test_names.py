"""Hostile names of channels and programmes in Chromium: text of the report, and nothing else."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from gfpipe.recording import Recording
from gfpipe.stages.figures import publish, report
from tests.fixtures.browser import PageLog
from tests.fixtures.hostile import HOSTILE
from tests.lake import kept

pytestmark = pytest.mark.slow


def test_names_are_text_of_the_report(browser: Browser, tmp_path: Path) -> None:
    for day, name in enumerate(HOSTILE, 1):
        path = tmp_path / f"{name.replace('/', '-')}.ts"
        path.write_bytes(name.encode())
        for month in (3, 4):
            kept.keep(tmp_path / "lake", Recording(str(path), name, name, datetime(2001, month, day, 20, tzinfo=UTC)))
    publish.run(tmp_path / "lake")
    report.run(tmp_path / "lake", tmp_path / "report.html")
    page = browser.new_page()
    log = PageLog.of(page)
    page.goto((tmp_path / "report.html").as_uri())
    page.wait_for_load_state("networkidle")
    assert log.messages == []
    assert [url for url in log.requests if not url.startswith("data:")] == [page.url]
    assert page.locator("script:not(body > script), [onerror], a[href^=javascript]").count() == 0
    cells = " ".join(page.locator("#by-programme :is(th, td)").all_text_contents())
    labels = " ".join(page.locator("svg text").all_text_contents())
    for shown in HOSTILE.values():
        assert shown in cells
        assert shown[:8].strip() in labels
    page.close()
