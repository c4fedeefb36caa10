"""``gfpipe sql``: the prompt, and queries from standard input."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from gfpipe import warehouse
from gfpipe.cli import console
from gfpipe.cli.results import prompt
from gfpipe.cli.results.output import OutputOptions
from tests.conftest import Command, Said
from tests.labelling.lakes import lake as build_lake

UP, CTRL_C, CTRL_D = "\x1b[A", "\x03", "\x04"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = build_lake(tmp_path_factory.mktemp("sql") / "lake")
    warehouse.build(folder)
    return folder


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PipeInput]:
    """A terminal's keyboard."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield keys


class Terminal:
    """The prompt, and what it prints when something is typed."""

    def __init__(self, lake: str, keys: PipeInput, capsys: pytest.CaptureFixture[str]) -> None:
        self._lake, self._keys, self._capsys = lake, keys, capsys

    def type(self, text: str, end: str = ".quit\r") -> Said:
        self._keys.send_text(text + end)
        with warehouse.open(self._lake) as db:
            prompt.run(prompt.Prompt(db, OutputOptions("csv")), db.path)
        printed = self._capsys.readouterr()
        return Said(0, printed.out, printed.err)


@pytest.fixture
def terminal(lake: str, keys: PipeInput, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(lake, keys, capsys)


def test_a_statement_may_have_several_lines_and_is_recalled_whole(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.type("select 1 + 1\ras two\r;\r").stdout.split() == ["two", "2"]
    history = tmp_path / "gfpipe" / "sql_history"
    assert history.stat().st_mode & 0o077 == 0
    again = terminal.type(f"{UP}{UP}\r")  # of an earlier session; the latest input is .quit
    assert again.stdout.split() == ["two", "2"]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("from screen_time_by_prog", "screen_time_by_programme"),
        ("select SHARE_female_pres", "share_female_presence_time"),
        ("select max(recordings.analysed_sec", "analysed_seconds"),
        (".desc", ".describe"),
        (".describe summary_by_m", "summary_by_month"),
        ("select 1 as a\nord", "order"),
    ],
)
def test_names_and_words_are_completed_with_their_descriptions(lake: str, typed: str, name: str) -> None:
    with warehouse.open(lake) as db:
        found = prompt.completer(prompt.Prompt(db, OutputOptions())).get_completions(Document(typed), CompleteEvent())
        completions = {item.text: item.display_meta_text for item in found}
    assert name in completions
    assert completions[name] or name in (".describe", "order")


@pytest.mark.parametrize("word", [".tables", ".describe recordings", "help", ".help", ".describe RECORDINGS;"])
def test_words_are_answered_at_once(terminal: Terminal, word: str) -> None:
    printed = terminal.type(f"{word}\r").stdout
    assert {"t": "screen_time_by_channel", "d": "recording_id", "h": "semicolon"}[word.strip(".")[0]] in printed


def test_describe_has_the_comments_of_relation_and_columns(terminal: Terminal) -> None:
    text = " ".join(terminal.type(".describe summary_by_channel\r").stdout.split())
    assert "rounded for reading: one row per channel" in text
    assert "share of women in the face time of women and men" in text


def test_errors_do_not_end_the_prompt(terminal: Terminal) -> None:
    lines = ["selec 1;", "select nonsense;", "drop table faces;", ".describe nowhere", ".nothing", "select 4 as x;"]
    printed = terminal.type("".join(f"{line}\r" for line in lines))
    for word in ("selec", "nonsense", "reading only", "nowhere", ".nothing: write .tables"):
        assert word in printed.stderr
    assert printed.stdout.split() == ["x", "4"]


def test_ctrl_c_clears_the_input_and_ctrl_d_ends(terminal: Terminal) -> None:
    assert terminal.type(f"select 'unfinished{CTRL_C}select 5 as x;\r", end=CTRL_D).stdout.split() == ["x", "5"]


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        (["select 'a;b' as x;"], "a;b"),
        (["select 'a;", "b' as x;"], '"a;\nb"'),
        (["select $$it's; here$$ as x;"], "it's; here"),
        (["select $q$a;", "$$;$q$ as x;"], '"a;\n$$;"'),
        (["select 1 as x -- not yet;", ";"], "1"),
        (["select /* a;", "b; */ 2 as x;"], "2"),
        (['select "x;y" as x from (select 3 as "x;y");'], "3"),
        (["select 'é;' as x;"], "é;"),
        (["select 6", "as x"], "6"),
        (["select 7 as x; -- done"], "7"),
    ],
)
def test_statements_end_with_a_semicolon_outside_of_literals_names_and_comments(
    gfpipe: Command, lake: str, lines: list[str], value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = piped(gfpipe, lake, "\n".join(lines), monkeypatch)
    assert printed.stdout.strip() == f"x\n{value}"
    assert printed.code == 0, printed.stderr


def piped(gfpipe: Command, lake: str, text: str, monkeypatch: pytest.MonkeyPatch) -> Said:
    monkeypatch.setattr(console, "is_terminal", lambda: False)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return gfpipe("sql", "--lake", lake, "--format", "csv")


def test_standard_input_may_have_several_statements_and_words(
    gfpipe: Command, lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "select 1 as a; select 2 as b;\n-- a comment\n.describe recordings\nselect ';' as c"
    printed = piped(gfpipe, lake, text, monkeypatch)
    assert printed.code == 0, printed.stderr
    assert printed.stdout.split()[:4] == ["a", "1", "b", "2"]
    assert "recording_id" in printed.stdout
    assert printed.stdout.split()[-2:] == ["c", ";"]


def test_an_error_in_standard_input_ends_it(gfpipe: Command, lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = piped(gfpipe, lake, "select 1 as a;\nselect nonsense;\nselect 2 as b;", monkeypatch)
    assert printed.code == 2
    assert printed.stdout.split() == ["a", "1"]


def test_a_file_of_results_needs_a_query(gfpipe: Command, lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "is_terminal", lambda: True)
    printed = gfpipe("sql", "--lake", lake, "--out", str(Path(lake) / "rows.parquet"))
    assert printed.code == 2
    assert "rows.parquet needs a query" in " ".join(printed.stderr.split())
