"""``gfpipe publish``, ``compact``, ``stats``, ``report``, ``view``, ``export`` and ``sql``."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from gfpipe.choices import DEFAULT_MIN_FACE, DEFAULT_MIN_SCORE, Copies, Language, Overlaps, Shape
from gfpipe.cli import console
from gfpipe.cli.options import (
    MORE,
    By,
    DryRun,
    Lake,
    PageOptions,
    QuestionOptions,
    ViewOptions,
    command,
    split,
)
from gfpipe.cli.results import output
from gfpipe.cli.results.output import OutputOptions
from gfpipe.errors import GfpipeError, UsageError
from gfpipe.output import figures as tables
from gfpipe.output.formats import counted

app = typer.Typer()


@command(app, "gfpipe publish --lake lake", "gfpipe publish --lake lake --rebuild")
def publish(
    *,
    lake: Lake,
    min_face: Annotated[
        float, Option(help="Lowest face that counts, in lines of a 360-line picture.")
    ] = DEFAULT_MIN_FACE,
    min_score: Annotated[float, Option(help="Lowest detector score that counts.")] = DEFAULT_MIN_SCORE,
    overlaps: Annotated[
        Overlaps, Option(help="Which recording of a channel counts while several overlap.")
    ] = Overlaps.FIRST,
    copies: Annotated[Copies, Option(help="How often files of the same content count.")] = Copies.ONCE,
    rebuild: Annotated[bool, Option("--rebuild", help="Build everything anew, not only what has changed.")] = False,
) -> None:
    """Build the warehouse LAKE/gfpipe.duckdb from the lake, and print screen time by channel.

    Only recordings that have changed since the last time are counted anew. Other counting options, or another version
    of gfpipe, build everything anew.

    If the new figures do not add up, the old warehouse stays, and the recordings concerned are named.
    """
    from gfpipe.base.validation import parse  # noqa: PLC0415
    from gfpipe.cli import flow_runs  # noqa: PLC0415
    from gfpipe.counting import Counting  # noqa: PLC0415 - importing pydantic takes its time

    settings = {"min_face": min_face, "min_score": min_score, "overlapping": overlaps, "copies": copies}
    published = flow_runs.publish(lake, parse(Counting, settings), rebuild=rebuild)
    if published.rebuilt:
        console.say(f"Built anew: {published.rebuilt}")
    for note in published.notes:
        console.say(note, "yellow")
    console.show(console.figures(published.screen_time, ["channel"]))
    console.say(f"Published {published.warehouse}. Query it: gfpipe sql --lake {lake}")


@command(app, "gfpipe compact --lake lake", "gfpipe compact --lake lake --verify --dry-run")
def compact(
    lake: Lake,
    dry_run: DryRun = False,
    verify: Annotated[bool, Option(help="First read all files again; damaged ones are set aside.")] = False,
) -> None:
    """Merge the small files of months that are over into few large ones, which every reader reads faster."""
    from gfpipe.stages.analysis import compact as stage  # noqa: PLC0415

    months = stage.plan(lake, verify=verify)
    recordings = counted(sum(len(month.recordings) for month in months), "recording")
    console.say(f"{recordings} in {counted(len(months), 'month')}, {sum(month.size for month in months):,} bytes")
    if dry_run:
        return
    with console.counting("months") as on_progress:
        summary = stage.run(lake, on_progress)
    console.say("{:,} files of analyses became {:,}".format(*summary.files))
    if summary.problems:
        raise GfpipeError("\n".join(summary.problems))


@command(
    app,
    "gfpipe stats --lake lake --by channel,month",
    "gfpipe stats --lake lake --by genre --programmes programmes.csv",
    "gfpipe stats --lake lake --by channel,week --columns all --out weeks.csv",
    "gfpipe stats --lake lake --sensitivity",
)
def stats(
    *,
    lake: Lake,
    by: By = "channel",
    columns: Annotated[
        str,
        Option(
            metavar="basic|all|LIST",
            help="basic: women's share, the corrected and the debiased one with intervals, hours, coverage and notes; "
            "all; or names separated by commas, see docs/sql.md.",
        ),
    ] = "basic",
    to: OutputOptions,
    options: QuestionOptions,
    sensitivity: Annotated[
        bool, Option(help="Show how the share depends on sampling, face size, undecided faces and tracks.")
    ] = False,
) -> None:
    """Print screen time with 95 % intervals, corrected for the classifier's errors where labels allow it.

    Every row has the hours analysed and the coverage. Where a figure cannot be computed the cell is empty, and a column
    gives the reason.
    """
    if sensitivity:
        others = replace(options, exclude=None, dates=None, mix_models=False, draws=QuestionOptions.draws)
        if others != QuestionOptions() or columns != "basic":
            raise UsageError("--sensitivity is about the whole archive; --exclude is the only filter that goes with it")
        from gfpipe.stages.figures import sensitivity as sensitivity_stage  # noqa: PLC0415

        result = sensitivity_stage.run(lake, options.exclude, options.dates)
        output.emit(to, tables.sensitivity(result.to_pylist()), result)
        return
    from gfpipe.stages.figures import stats as stage  # noqa: PLC0415

    figures = stage.run(lake, options.question(split(by)))
    groups = figures.column_names[: len(split(by))]
    chosen = stage.chosen(figures, groups, columns)
    if columns == "basic":
        rows = figures.to_pylist()
        output.emit(to, console.figures(rows, groups, to), chosen)
        if rows and to.form == "table":
            console.say(f"The faces behind the first row: {_view_of(rows[0], groups, lake, options)}")
    else:
        output.emit_result(to, chosen)


def _view_of(row: Mapping[str, Any], by: Sequence[str], lake: str, options: QuestionOptions) -> str:
    """The command that shows the recordings and faces of a row, with the same tables of programmes and exclusions."""
    from gfpipe.pages.view.filters import Filter  # noqa: PLC0415

    channel = options.channel[0] if options.channel and len(options.channel) == 1 else None
    shown = Filter(channel=channel, since=options.since, until=options.until)
    for name in by:
        shown = shown if row[name] is None else shown.within(name, row[name])
    tables = {"--programmes": options.programmes, "--exclude": options.exclude}
    words = [word for name, path in tables.items() if path for word in (name, str(path))]
    return shlex.join([*shlex.split(shown.command(lake)), *words])


@command(
    app,
    "gfpipe report --lake lake --out report.html",
    "gfpipe report --lake lake --out spring.html --since 2001-03-01 --until 2001-05-31 --lang fr",
)
def report(
    *,
    lake: Lake,
    out: Annotated[Path, Option(dir_okay=False, metavar="FILE", help="The page; an existing file is replaced.")] = (
        Path("report.html")
    ),
    lang: Annotated[Language, Option(help="Language of the page, its numbers and dates.")] = Language.EN,
    view: Annotated[
        str | None, Option(metavar="URL", help="Address of gfpipe view, to which every number links.")
    ] = None,
    options: QuestionOptions,
) -> None:
    """Write one self-contained HTML page: figures, intervals, coverage, method and limits."""
    from gfpipe.stages.figures import report as stage  # noqa: PLC0415

    stage.run(lake, out, options.question(), lang, view)
    console.say(f"Written to {out}; open it in a browser.")


@command(
    app,
    "gfpipe view --lake lake",
    "gfpipe view --lake lake --channel north --since 2024-03-01 --until 2024-03-31",
    "gfpipe view --lake lake --programmes programmes.csv --exclude commercials.csv",
)
def view(
    *,
    lake: Lake,
    options: ViewOptions,
    page: PageOptions,
    port: Annotated[int, Option(min=0, max=65535, help="Port to listen on; 0: any free port.")] = 8766,
) -> None:
    """Serve a page that shows the archive, its figures, and the faces behind every number, until Ctrl-C.

    Frames are decoded from the recordings when they are looked at. No picture is written to disk.
    """
    from gfpipe.pages.view import serving  # noqa: PLC0415
    from gfpipe.pages.view.filters import Filter  # noqa: PLC0415

    selection = options.selection
    tables = serving.Tables(selection.pop("programmes"), selection.pop("exclude"), selection.pop("dates"))
    serving.run(
        lake, Filter(**selection), tables, page.host, port, page.announce(f"The archive of {lake}", "see its faces")
    )


@command(
    app,
    "gfpipe overlay north/2024-03-07/1900_news.mp4 --lake lake --out news.ass",
    "gfpipe overlay 1900_news.mp4 --lake lake --out boxes.mp4",
)
def overlay(
    *,
    recording: Annotated[str, Argument(help="recording_id, path, or the end of the path.")],
    lake: Lake,
    out: Annotated[
        Path,
        Option(
            dir_okay=False,
            metavar="FILE",
            help="The format is its ending: .ass, .srt, .eaf or .xml, .json, .mp4; an existing file is replaced.",
        ),
    ],
) -> None:
    """Write the faces of a recording, as published, over its pictures, or for annotation tools.

    .ass: subtitles with boxes, for VLC, mpv and others; put it beside the recording under the same name. .srt: the same
    as text. .eaf, .xml: for ELAN. .json: W3C Web Annotation. .mp4: a copy of the pictures (H.264, without sound) with
    boxes drawn; the only one that contains pictures.
    """
    from gfpipe.stages.figures import overlay as stage  # noqa: PLC0415

    with console.counting("frames") as on_progress:
        summary = stage.run(lake, recording, out, on_progress)
    console.say(f"{counted(summary.faces, 'face')} of {summary.recording.label} written to {out}")


@command(
    app,
    "gfpipe export --lake lake --out figures --by channel,month",
    "gfpipe export --lake lake --out open-data --shape ina --channels channels.csv --country FR",
)
def export(
    *,
    lake: Lake,
    out: Annotated[Path, Option(file_okay=False, metavar="FOLDER", help="Output folder; existing files are replaced.")],
    shape: Annotated[
        list[Shape] | None,
        Option(help=f"INA's open data, tidy CSV with one row per figure, or Parquet; default: all. {MORE}"),
    ] = None,
    by: By = "channel,month",
    country: Annotated[
        str | None,
        Option(metavar="CODE", help="Country whose public holidays INA's civil_holyday marks: FR, or DE-BY."),
    ] = None,
    options: QuestionOptions,
) -> None:
    """Write figures for other programs: INA's open-data shape, tidy CSV, and Parquet with described columns.

    INA's shape has one row per channel, date and hour (stats.csv), and women's rate by year and by hour of day
    (years.csv, hourstatall.csv); its durations are face time by perceived gender, not speaking time. --by applies to
    the other shapes. README.md in the folder documents every column.
    """
    from gfpipe.stages.figures import export as stage  # noqa: PLC0415

    for path in stage.run(lake, out, options.question(split(by)), shape or tuple(Shape), country):
        console.say(f"Written: {path}")


@command(
    app,
    'gfpipe sql --lake lake -c "from screen_time_by_channel"',
    'gfpipe sql --lake lake -c "from coverage" --out coverage.csv',
)
def sql(
    *,
    lake: Lake,
    statement: Annotated[
        str | None, Option("-c", "--command", metavar="SQL", help="One query; default: a prompt.")
    ] = None,
    to: OutputOptions,
) -> None:
    """Query the warehouse in SQL: one query, queries from standard input, or a prompt.

    At the prompt and in standard input, .tables lists what can be read, .describe NAME its columns, and help more.
    """
    from gfpipe import warehouse  # noqa: PLC0415
    from gfpipe.cli.results import prompt as prompts  # noqa: PLC0415

    with warehouse.open(lake) as db:
        prompt = prompts.Prompt(db, to)
        if statement is not None:
            output.emit_result(to, db.query(statement))
        elif to.out:
            raise UsageError(f"--out {to.out} needs a query: -c 'select …'")
        elif console.is_terminal():
            prompts.run(prompt, db.path)
        else:
            prompts.answer_all(prompt, sys.stdin)
