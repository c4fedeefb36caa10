"""The command line as a person meets it: exit codes, plain words, and the whole way through once."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.cli import main
from tests.conftest import ROOT
from tests.pipeline.archives import programme

COMMANDS = (
    ["analyse"],
    ["status"],
    ["publish"],
    ["sql"],
    ["evaluate"],
    ["demo"],
    ["serve"],
    ["models", "list"],
    ["models", "show"],
    ["models", "pull"],
)


@dataclass(frozen=True)
class Said:
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


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(gfpipe: Command, command: list[str]) -> None:
    said = gfpipe(*command, "--help")
    assert said.code == 0
    assert f"gfpipe {' '.join(command)}" in said.stdout.partition("Example:")[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["analyse"], "Missing argument"),
        (["analyse", "nowhere", "--lake", "lake"], "nowhere: no such folder or manifest"),
        (["analyse", "nowhere", "--lake", "lake", "--every", "0"], "between 0.04 and 3600"),
        (["analyse", "nowhere", "--lake", "lake", "--sampling", "all"], "keyframes"),
        (["analyse", str(ROOT / "tests"), "--lake", "lake"], "no recordings in it"),
        (["sql", "--lake", "lake", "--csv", "--json"], "choose one of"),
        (["models", "show", "cydral"], "did you mean cydral-"),
        (["models", "pull"], "--all"),
        (["serve", "--config", "nowhere.toml"], r"nowhere\.toml: no such file"),
    ],
)
def test_wrong_use_is_said_in_a_line_and_exits_with_2(gfpipe: Command, arguments: list[str], said: str) -> None:
    result = gfpipe(*arguments)
    assert result.code == 2
    assert re.search(said, result.stderr)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["status", "publish", "sql"])
def test_a_lake_that_is_not_there_exits_with_1(gfpipe: Command, command: str, tmp_path: Path) -> None:
    result = gfpipe(command, "--lake", str(tmp_path / "lake"))
    assert result.code == 1
    assert "there is no such lake" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_from_an_archive_with_a_bad_file_to_sql(gfpipe: Command, tmp_path: Path) -> None:
    archive, lake = tmp_path / "archive", str(tmp_path / "lake")
    programme(archive, "tv/2001-03-04/2000_news.mp4")
    (archive / "tv/2001-03-04/2100_bad.mp4").write_text("no video")

    analysed = gfpipe("analyse", str(archive), "--lake", lake, "--timezone", "Europe/Paris")
    assert analysed.code == 1, analysed.stderr  # some recordings failed
    assert "done    tv · 2001-03-04 20:00 · news" in analysed.stderr
    assert "not a video file" in analysed.stderr
    assert "1 done, 0 partial, 1 failed" in analysed.stderr

    status = gfpipe("status", "--lake", lake)
    assert status.code == 0
    assert "2100_bad.mp4" in status.stdout

    published = gfpipe("publish", "--lake", lake)
    assert published.code == 0, published.stderr
    assert "tv" in published.stdout

    answer = gfpipe("sql", "--lake", lake, "--json", "-c", "from screen_time_by_channel")
    (row,) = json.loads(answer.stdout)
    assert row["male_face_seconds"] == pytest.approx(4, abs=0.04)
    assert row["share_female_face_time"] == 0

    rows = tmp_path / "rows.parquet"
    assert gfpipe("sql", "--lake", lake, "-c", "from coverage", "--parquet", str(rows)).code == 0
    assert rows.read_bytes()[:4] == b"PAR1"
    assert gfpipe("sql", "--lake", lake, "-c", "select nonsense").code == 2
