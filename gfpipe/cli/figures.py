"""``gfpipe stats``, ``report`` and ``export``: figures with their errors, on a terminal, on a page, in files."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from gfpipe.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

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
    from gfpipe.cli import stats_tables as figures  # noqa: PLC0415

    if sensitivity:
        if any(given is not None for given in (min_face, programmes, channels, channel, since, until)):
            raise UsageError("--sensitivity is about the whole archive; of the filters only --exclude goes with it")
        from gfpipe.stages.figures import sensitivity as moves  # noqa: PLC0415

        found = moves.run(lake, exclude)
        _give(found, form, out, lambda: figures.show_sensitivity(found.to_pylist()))
    else:
        from gfpipe.stages.figures import stats as stage  # noqa: PLC0415

        found = stage.run(lake, asked)
        _give(found, form, out, lambda: figures.show(found.to_pylist(), found.column_names[: len(asked.by)]))


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
