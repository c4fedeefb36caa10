"""``gfpipe sql``: the prompt, and queries from standard input."""

import io
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.cli import console
from gfpipe.cli.figures import prompt
from gfpipe.cli.options import OutputOptions
from tests.conftest import Command, Said
from tests.labelling.lakes import lake as build_lake

Lines = Iterable[str | type[BaseException]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = build_lake(tmp_path_factory.mktemp("sql") / "lake")
    warehouse.build(folder)
    return folder


def typed(lake: str, lines: Lines, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """What the prompt prints when these lines are typed; an exception is raised in the place of a line."""
    remaining, prompts = iter(lines), []

    def read(text: str) -> str:
        prompts.append(text)
        line = next(remaining, EOFError)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", read)
    with warehouse.open(lake) as db:
        prompt(db, OutputOptions("csv"))
    assert next(remaining, None) is None, "the prompt ended early"
    printed = capsys.readouterr()
    return Said(prompts.count("   ...> "), printed.out, printed.err)


def test_a_statement_may_have_several_lines(
    lake: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = typed(lake, ["select 1 + 1", "as two", ";", "\\q"], monkeypatch, capsys)
    assert printed.code == 2  # lines with the continuation prompt
    assert printed.stdout.split() == ["two", "2"]


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
    ],
)
def test_semicolons_in_literals_names_and_comments_do_not_end_a_statement(
    lake: str, lines: list[str], value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = typed(lake, lines, monkeypatch, capsys)
    assert printed.stdout.strip() == f"x\n{value}"
    assert "not a " not in printed.stderr


def test_several_statements_on_a_line_are_run_in_turn(
    lake: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = typed(lake, ["select 1 as a; select 2 as b; -- done", "select 3 as c;"], monkeypatch, capsys)
    assert printed.code == 0  # the comment starts no statement
    assert printed.stdout.split() == ["a", "1", "b", "2", "c", "3"]


def test_an_error_does_not_end_the_prompt(
    lake: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = typed(lake, ["selec 1;", "select nonsense;", "drop table faces;", "select 4 as x;"], monkeypatch, capsys)
    assert "selec" in printed.stderr
    assert "nonsense" in printed.stderr
    assert "reading only" in printed.stderr
    assert printed.stdout.split() == ["x", "4"]


def test_ctrl_c_clears_the_input_and_ctrl_d_ends(
    lake: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = typed(lake, ["select 'unfinished", KeyboardInterrupt, "select 5 as x;", EOFError], monkeypatch, capsys)
    assert printed.stdout.split() == ["x", "5"]


def test_relations_and_columns_are_listed(
    lake: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = typed(lake, ["\\d", "\\d recordings", "\\d nowhere", "\\q"], monkeypatch, capsys)
    assert "screen_time_by_channel" in printed.stdout
    assert "recording_id" in printed.stdout
    assert "nowhere" in printed.stderr


def test_statements_from_standard_input(gfpipe: Command, lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "is_terminal", lambda: False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("select ';' as x;\n-- a comment\nselect 2 as x"))
    printed = gfpipe("sql", "--lake", lake, "--format", "csv")
    assert printed.code == 0, printed.stderr
    assert printed.stdout.split() == ["x", ";", "x", "2"]


def test_a_file_of_results_needs_a_query(gfpipe: Command, lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "is_terminal", lambda: True)
    printed = gfpipe("sql", "--lake", lake, "--out", str(Path(lake) / "rows.parquet"))
    assert printed.code == 2
    assert "rows.parquet needs a query" in " ".join(printed.stderr.split())
