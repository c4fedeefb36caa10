"""Groups of options: a dataclass parameter becomes one option per field."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from gfpipe.cli.options import NewLake, PeriodOptions, QuestionOptions, command, expand, split
from gfpipe.cli.results.output import Form, OutputOptions
from gfpipe.errors import UsageError
from gfpipe.estimates.question import Question


@dataclass(frozen=True)
class Size:
    """A required and an optional option."""

    width: Annotated[int, typer.Option(help="Width.")]
    height: Annotated[int, typer.Option(help="Height.")] = 3


def received(*arguments: str) -> dict[str, Any]:
    """The values that a command receives for the arguments."""
    app = typer.Typer()
    values: dict[str, Any] = {}

    @command(app, "draw --width 3")
    def draw(*, lake: NewLake, size: Size, period: PeriodOptions) -> None:
        """Draw a rectangle."""
        values.update(lake=lake, size=size, period=period)

    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return values or {"code": result.exit_code, "output": " ".join(result.output.split())}


def test_each_field_is_an_option_with_its_default() -> None:
    assert received("--lake", "x", "--width", "2") == {"lake": "x", "size": Size(2, 3), "period": PeriodOptions()}
    values = received("--lake=x", "--width=2", "--height=5", "--since=2001-03-04", "--channel=north", "--channel=south")
    assert values["size"] == Size(2, 5)
    assert values["period"] == PeriodOptions(since=date(2001, 3, 4), channel=["north", "south"])


def test_a_field_without_default_is_required() -> None:
    failure = received("--lake", "x")
    assert failure["code"] == 2
    assert "Missing option '--width'" in failure["output"]


def test_a_date_that_is_not_one_is_refused() -> None:
    failure = received("--lake", "x", "--width", "2", "--until", "yesterday")
    assert failure["code"] == 2
    assert "'yesterday' is not a date such as 2024-03-31" in failure["output"]


def test_the_help_names_every_option_and_shows_the_examples() -> None:
    text = received("--help")["output"]
    assert all(option in text for option in ("--lake", "--width", "--height", "--since", "--until", "--channel"))
    assert "such as 2024-03-31" in text
    assert "Example: draw --width 3" in text


def test_functions_without_groups_keep_their_parameters() -> None:
    def function(lake: NewLake, dry_run: Annotated[bool, typer.Option("--dry-run")] = False) -> str:
        return f"{lake} {dry_run}"

    assert expand(function)(lake="x", dry_run=True) == "x True"


def test_options_become_one_question() -> None:
    options = QuestionOptions(since=date(2001, 3, 4), channel=["north"], min_face=36.0, draws=500)
    assert options.question(("channel",)) == Question(
        by=("channel",), since=date(2001, 3, 4), only_channels=("north",), min_face=36.0, draws=500
    )
    assert PeriodOptions().question() == QuestionOptions().question() == Question()


@pytest.mark.parametrize(("text", "items"), [("", ()), ("a", ("a",)), (" a, b ,,c", ("a", "b", "c"))])
def test_lists_are_separated_by_commas(text: str, items: tuple[str, ...]) -> None:
    assert split(text) == items


@pytest.mark.parametrize(
    ("chosen", "out", "form"),
    [
        (None, None, "table"),
        ("latex", None, "latex"),
        (None, "weeks.CSV", "csv"),
        (None, "weeks.md", "markdown"),
        ("json", "weeks.txt", "json"),
        ("csv", "weeks", "csv"),
    ],
)
def test_the_format_is_the_one_given_or_that_of_the_files_ending(chosen: Form, out: str | None, form: Form) -> None:
    assert OutputOptions(chosen, Path(out) if out else None).form == form


@pytest.mark.parametrize(("chosen", "out"), [(None, "weeks"), (None, "weeks.xlsx"), ("parquet", None)])
def test_an_output_without_a_known_format_or_file_is_refused(chosen: Form, out: str | None) -> None:
    with pytest.raises(UsageError, match=r"--format"):
        OutputOptions(chosen, Path(out) if out else None)


def test_the_lake_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GFPIPE_LAKE", "from-environment")
    assert received("--width", "2")["lake"] == "from-environment"
    assert received("--width", "2", "--lake", "x")["lake"] == "x"
