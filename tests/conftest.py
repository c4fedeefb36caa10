"""Fixtures that more than one test file needs."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gfpipe.cli.main import main

pytest_plugins = [
    "tests.fixtures.benchmark",
    "tests.fixtures.broadcasts",
    "tests.fixtures.browser",
    "tests.fixtures.crops",
    "tests.fixtures.detectors",
    "tests.fixtures.flows",
]
NEEDS_SHARED = "needs the folder ../shared/data of real footage and faces, which is not part of the project"
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real footage and faces for measurements, beside a developer's checkout; absent elsewhere."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(NEEDS_SHARED)
    return folder


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    stdout: str
    stderr: str


Command = Callable[..., Said]


@pytest.fixture
def gfpipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command in this process: what it prints and its exit code."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["gfpipe", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        printed = capsys.readouterr()
        return Said(int(exit_.value.code or 0), printed.out, printed.err)

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that have slow tests, so that no process waits for another at the end of a run."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the tests that a checkout without ../shared cannot run."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if NEEDS_SHARED in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests were skipped because ../shared/data is missing")
