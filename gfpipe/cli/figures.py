"""``gfpipe publish``, ``stats``, ``report``, ``export`` and ``sql``: figures with their errors."""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gfpipe.cli import console, options
from gfpipe.cli.options import (
    By,
    Channel,
    Channels,
    Draws,
    Exclude,
    Lake,
    MinFace,
    MixModels,
    Panel,
    Programmes,
    Since,
    Until,
    example,
)
from gfpipe.errors import GfpipeError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from gfpipe import warehouse

app = typer.Typer()


class Format(StrEnum):
    """Choices of --format."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Shape(StrEnum):
    """Choices of --shape."""

    INA = "ina"
    TIDY = "tidy"
    PARQUET = "parquet"


@app.command(
    rich_help_panel=Panel.FIGURES,
    epilog=example(
        "gfpipe stats --lake lake --by channel,month",
        "gfpipe stats --lake lake --by genre --programmes programmes.csv --exclude commercials.csv",
        "gfpipe stats --lake lake --by channel,week --format csv --out weeks.csv",
        "gfpipe stats --lake lake --sensitivity",
    ),
)
def stats(
    lake: Lake,
    by: By = "channel",
    form: Annotated[Format, typer.Option("--format", help="All columns but in a table.")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the result to this file.")] = None,
    min_face: MinFace = None,
    exclude: Exclude = None,
    programmes: Programmes = None,
    channels: Channels = None,
    channel: Channel = None,
    since: Since = None,
    until: Until = None,
    mix_models: MixModels = False,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="How the share moves with sampling, face size, undecided and tracks.")
    ] = False,
    draws: Draws = 2000,
) -> None:
    """Print screen time with 95 % intervals, corrected for the classifier's errors where labels allow it.

    Hours analysed and coverage stand in every row. What cannot be known is
    empty, and a column says why.
    """
    if out and form is Format.TABLE:
        raise UsageError("--out writes csv, json or parquet; choose one with --format")
    if form is Format.PARQUET and not out:
        raise UsageError("--format parquet needs a file: --out FILE")
    asked = options.question(by, min_face, exclude, programmes, channels, channel, since, until, mix_models, draws)

    if sensitivity:
        if any(given is not None for given in (min_face, programmes, channels, channel, since, until)):
            raise UsageError("--sensitivity is about the whole archive; of the filters only --exclude goes with it")
        from gfpipe.stages.figures import sensitivity as moves  # noqa: PLC0415

        found = moves.run(lake, exclude)
        _give(found, form, out, lambda: console.sensitivity(found.to_pylist()))
    else:
        from gfpipe.stages.figures import stats as stage  # noqa: PLC0415

        found = stage.run(lake, asked)
        _give(found, form, out, lambda: console.figures(found.to_pylist(), found.column_names[: len(asked.by)]))


def _give(found: "pa.Table", form: Format, out: Path | None, draw: Callable[[], None]) -> None:
    from gfpipe import warehouse  # noqa: PLC0415

    if out:
        warehouse.write(found, form.value, out)
        console.say(f"{found.num_rows} rows written to {out}")
    elif form is Format.TABLE:
        draw()
    else:
        print(warehouse.as_text(found, "csv" if form is Format.CSV else "json"))


@app.command(
    rich_help_panel=Panel.FIGURES,
    epilog=example(
        "gfpipe report --lake lake --out report.html",
        "gfpipe report --lake lake --out spring.html --since 2001-03-01 --until 2001-05-31 --exclude commercials.csv",
    ),
)
def report(
    lake: Lake,
    out: Annotated[Path, typer.Option(dir_okay=False, help="The page; a file of that name is replaced.")] = Path(
        "report.html"
    ),
    min_face: MinFace = None,
    exclude: Exclude = None,
    programmes: Programmes = None,
    channels: Channels = None,
    channel: Channel = None,
    since: Since = None,
    until: Until = None,
    mix_models: MixModels = False,
    draws: Draws = 2000,
) -> None:
    """Make one self-contained page of everything that is known: figures, intervals, coverage, method and limits."""
    asked = options.question("", min_face, exclude, programmes, channels, channel, since, until, mix_models, draws)
    from gfpipe.stages.figures import report as stage  # noqa: PLC0415

    stage.run(lake, out, asked)
    console.say(f"Written to {out}; open it in a browser.")


@app.command(
    rich_help_panel=Panel.FIGURES,
    epilog=example(
        "gfpipe export --lake lake --out figures --by channel,month",
        "gfpipe export --lake lake --out open-data --shape ina --channels channels.csv --country FR",
    ),
)
def export(
    lake: Lake,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder; files of the same names are replaced.")],
    shape: Annotated[
        list[Shape] | None,
        typer.Option(help="ina: INA's open data; tidy: a row a figure; parquet. May be given again; left out: all."),
    ] = None,
    by: By = "channel,month",
    country: Annotated[
        str | None, typer.Option(help="Whose public holidays INA's civil_holyday marks: FR, or DE-BY.")
    ] = None,
    min_face: MinFace = None,
    exclude: Exclude = None,
    programmes: Programmes = None,
    channels: Channels = None,
    channel: Channel = None,
    since: Since = None,
    until: Until = None,
    mix_models: MixModels = False,
    draws: Draws = 2000,
) -> None:
    """Write figures for others: INA's open-data shape, tidy CSV, Parquet whose columns say what they are.

    INA's shape is a row a channel, date and hour (stats.csv), and women's rate
    by year and by hour of day (years.csv, hourstatall.csv); its durations are
    face time by perceived gender, not speaking time. --by is for the others.
    A README.md beside them says what every column means.
    """
    asked = options.question(by, min_face, exclude, programmes, channels, channel, since, until, mix_models, draws)
    from gfpipe.stages.figures import export as stage  # noqa: PLC0415

    for path in stage.run(lake, out, asked, [stage.Shape(each.value) for each in shape or Shape], country):
        console.say(f"Written: {path}")


@app.command(rich_help_panel=Panel.ANALYSE, epilog=example("gfpipe publish --lake lake"))
def publish(lake: Lake) -> None:
    """Build the warehouse LAKE/gfpipe.duckdb anew and print screen time by channel."""
    from gfpipe.cli import flow_runs as run  # noqa: PLC0415

    published = run.publish(lake)
    console.figures(published.screen_time, ["channel"])
    console.say(f"Published {published.warehouse}. Ask it: gfpipe sql --lake {lake}")
    for check in published.failed_checks:
        console.say(f"check failed: {check.name}: {check.rows} rows, such as {check.examples[0]}", "red")
    if published.failed_checks:
        raise typer.Exit(1)


@app.command(
    rich_help_panel=Panel.FIGURES,
    epilog=example(
        'gfpipe sql --lake lake -c "from screen_time_by_channel"',
        'gfpipe sql --lake lake -c "select * from coverage" --csv > coverage.csv',
    ),
)
def sql(
    lake: Lake,
    command: Annotated[str | None, typer.Option("-c", "--command", help="One question; without it, a prompt.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one array of records.")] = False,
    parquet: Annotated[Path | None, typer.Option(help="Write the result to this file.")] = None,
) -> None:
    """Ask the warehouse in SQL, with every view ready."""
    if sum((csv, json, parquet is not None)) > 1:
        raise UsageError("choose one of --csv, --json and --parquet")
    _sql(lake, command, "csv" if csv else "json" if json else "table", parquet)


_HELP = (
    """End a statement with a semicolon. \\d lists tables and views, \\d NAME its columns, \\q (or Ctrl-D) leaves."""
)
_LIST = """
select table_name as name, table_type as kind
from information_schema.tables
where table_catalog in ('gfpipe', 'temp') order by all
"""


Form = Literal["table", "csv", "json"]


def _sql(lake: str, command: str | None, form: Form, path: Path | None) -> None:
    """Answer ``command``, or every question typed until the end of input, as ``form`` or into a Parquet file.

    Raises:
        LakeError: the lake was never published.
        UsageError: the question cannot be answered, or a file format needs one and none was given.
    """
    from gfpipe import warehouse  # noqa: PLC0415

    with warehouse.open(lake) as db:
        if command is not None:
            _answer(db, command, form, path)
        elif not console.is_terminal():
            for statement in filter(str.strip, sys.stdin.read().split(";")):
                _answer(db, statement, form, path)
        elif path is not None:
            raise UsageError("--parquet needs a question: -c 'select …'")
        else:
            _prompt(db, form)


def _answer(db: "warehouse.Warehouse", question: str, form: Form, path: Path | None) -> None:
    from gfpipe import warehouse  # noqa: PLC0415

    result = db.query(question)
    if path is not None:
        warehouse.write(result, "parquet", path)
        console.say(f"{result.num_rows} rows written to {path}")
    else:
        print(warehouse.as_text(result, form).rstrip("\n"))


def _prompt(db: "warehouse.Warehouse", form: Form) -> None:
    import readline  # noqa: F401, PLC0415 - importing it gives the prompt its history and editing

    console.say(f"{db.path}, read-only. {_HELP}")
    statement = ""
    while True:
        try:
            statement += input("gfpipe> " if not statement else "   ...> ") + "\n"
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
            statement = ""
            continue
        word, *name = statement.split() or [""]
        if word == "\\q":
            return
        if word == "\\d":
            _try(db, f'describe "{name[0]}"' if name else _LIST, form)
        elif not statement.rstrip().endswith(";"):
            continue
        else:
            _try(db, statement, form)
        statement = ""


def _try(db: "warehouse.Warehouse", question: str, form: Form) -> None:
    try:
        _answer(db, question, form, None)
    except GfpipeError as exc:
        console.say(str(exc), "red")
