"""The command line. What a command needs is imported when it runs: ``gfpipe --help`` loads neither torch nor Prefect.

Exit codes: 0 all went well, 1 something failed (some recordings, a check, the disk), 2 wrong use, 130 Ctrl-C.
"""

import atexit
import os
import sys
import time
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from gfpipe.cli import console
from gfpipe.cli import curation as cli_curation
from gfpipe.cli import figures as cli_figures
from gfpipe.cli import ina as cli_ina
from gfpipe.cli import labels as cli_labels
from gfpipe.cli import learn as cli_learn
from gfpipe.cli import masking as cli_masking
from gfpipe.cli import models as cli_models
from gfpipe.cli import purge as cli_purge
from gfpipe.cli import study as cli_study
from gfpipe.cli import systems as cli_systems
from gfpipe.cli import training as cli_training
from gfpipe.cli.options import (
    Channel,
    Device,
    Lake,
    Networks,
    Panel,
    Sampling,
    Scheduler,
    Since,
    Until,
    Workers,
    example,
)
from gfpipe.errors import GfpipeError, UsageError
from gfpipe.recording import Status
from gfpipe.settings import DEFAULT_PATTERN, Analysis, Keeping, Settings

app = typer.Typer(
    name="gfpipe",
    help="Count screen time by perceived gender in archives of television.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(cli_figures.app)
app.add_typer(cli_labels.label, name="label", rich_help_panel=Panel.EVIDENCE)
app.add_typer(cli_labels.speech, name="speech", rich_help_panel=Panel.EVIDENCE)
app.add_typer(cli_ina.app, name="ina", rich_help_panel=Panel.EVIDENCE)
app.add_typer(cli_models.app, name="models", rich_help_panel=Panel.MODELS)
cli_study.app.add_typer(cli_systems.app)
cli_study.app.add_typer(cli_masking.app)
app.add_typer(cli_study.app, name="study", rich_help_panel=Panel.MODELS)
app.add_typer(cli_purge.app)
app.add_typer(cli_training.app)
app.add_typer(cli_curation.app)
app.add_typer(cli_learn.app)

_DEFAULTS = Analysis()
_INTERRUPTED = 130  # what Typer makes of Ctrl-C


@app.command(
    rich_help_panel=Panel.ANALYSE,
    epilog=example(
        "gfpipe analyse /mnt/archive --lake lake --timezone Europe/Paris --since 2001-03-01 --until 2001-03-31",
        "gfpipe analyse night.csv --lake lake --sampling exact --every 0.5",
        "gfpipe analyse /mnt/archive --lake lake --timezone Europe/Paris --keep-crops --expires 30d",
    ),
)
def analyse(
    archive: Annotated[str, typer.Argument(help="Folder of recordings, or a CSV/Parquet manifest.")],
    lake: Lake,
    pattern: Annotated[str, typer.Option(help="How the paths of a folder are read.")] = DEFAULT_PATTERN,
    timezone: Annotated[str | None, typer.Option(help="Zone of starts that carry none: Europe/Paris.")] = None,
    sampling: Annotated[Sampling, typer.Option(help="Which frames stand for the programme.")] = Sampling.KEYFRAMES,
    every: Annotated[float, typer.Option(help="Seconds that one frame stands for, at most.")] = _DEFAULTS.every_seconds,
    detector: Annotated[str, typer.Option(help="Face detector: see gfpipe models list.")] = _DEFAULTS.detector,
    classifier: Annotated[
        str, typer.Option(help="Perceived-gender model; champion: what was promoted.")
    ] = _DEFAULTS.classifier,
    device: Networks = Device.AUTO,
    min_face: Annotated[
        float, typer.Option(help="Lower faces are kept but not counted; lines of a 360-line picture.")
    ] = _DEFAULTS.min_face,
    keep_crops: Annotated[bool, typer.Option("--keep-crops", help="Keep pictures of some faces; needs --expires.")] = (
        False
    ),
    expires: Annotated[str | None, typer.Option(help="For how long: 12h, 30d or 2w; a year at most.")] = None,
    crops_per_track: Annotated[int | None, typer.Option(help="Crops of one track, at most.", show_default="1")] = None,
    crops_per_recording: Annotated[
        int | None, typer.Option(help="Crops of one recording, at most.", show_default="200")
    ] = None,
    crops_per_day: Annotated[
        int | None, typer.Option(help="Crops of one channel and day, at most.", show_default="2000")
    ] = None,
    workers: Workers = 0,
    scheduler: Scheduler = None,
    since: Since = None,
    until: Until = None,
    channel: Channel = None,
) -> None:
    """Find every face in an archive's recordings and write what is perceived to the lake.

    Run it again at any time: what is finished is not decoded twice, what was interrupted or failed is done again.

    No picture of any face is kept, unless you say --keep-crops, and then for
    no longer than --expires: gfpipe purge removes them. Which are kept is
    chance; a recording may have the share of --crops-per-day that it is of 24
    hours. Recordings that lack crops are then analysed again.
    """
    start = time.monotonic()
    limits = {"per_track": crops_per_track, "per_recording": crops_per_recording, "per_day": crops_per_day}
    keeping = _keeping(keep_crops, expires, {name: limit for name, limit in limits.items() if limit is not None})
    analysis = Analysis(str(sampling), every, detector, classifier, str(device), min_face)
    site = Settings(archive, lake, pattern, timezone, analysis, workers, scheduler, keeping=keeping)
    from gfpipe.cli import flow_runs as run  # noqa: PLC0415

    summaries, rejected = run.analyse(site, since and since.date(), until and until.date(), channel)
    console.say(console.summary_line(summaries, time.monotonic() - start))
    if rejected or any(summary.reason for summary in summaries):
        console.say(f"Some recordings are missing or incomplete; why: gfpipe status --lake {lake}", "yellow")
        raise typer.Exit(1)


def _keeping(keep_crops: bool, expires: str | None, limits: dict[str, Any]) -> Keeping | None:
    if keep_crops and expires is None:
        raise UsageError("--keep-crops needs --expires: no picture is kept without a date; say such as --expires 30d")
    if not keep_crops and (expires is not None or limits):
        options = ["--expires"] * (expires is not None) + [f"--crops-{name.replace('_', '-')}" for name in limits]
        raise UsageError(f"{', '.join(options)} without --keep-crops: no crops are kept, so say --keep-crops too")
    return Keeping(expires, **limits) if expires is not None else None


@app.command(
    rich_help_panel=Panel.ANALYSE,
    epilog=example(
        "gfpipe reclassify --lake lake --classifier my-gender-v2 --dry-run",
        "gfpipe reclassify --lake lake --classifier champion",
    ),
)
def reclassify(
    lake: Lake,
    classifier: Annotated[
        str, typer.Option(help="The perceived-gender model that all is to be under; champion: what was promoted.")
    ],
    device: Networks = Device.AUTO,
    workers: Workers = 0,
    scheduler: Scheduler = None,
    since: Since = None,
    until: Until = None,
    channel: Channel = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many recordings it would take.")] = False,
) -> None:
    """Estimate history under one model: figures of two models must not stand in one series.

    The recordings are decoded again, and no face is looked for anew. Run it again
    at any time: what is under the model already is left alone.
    """
    nights = since and since.date(), until and until.date()
    if dry_run:
        _say_what_is_due(lake, classifier, str(device), *nights, channel)
        return
    start = time.monotonic()
    from gfpipe.cli import flow_runs as run  # noqa: PLC0415

    summaries = run.reclassify(lake, classifier, str(device), workers, scheduler, *nights, channel)
    console.say(console.summary_line(summaries, time.monotonic() - start))
    console.say(f"To have the figures follow: gfpipe publish --lake {lake}")
    if any(summary.status is Status.FAILED for summary in summaries):
        raise typer.Exit(1)


def _say_what_is_due(
    lake: str, classifier: str, device: str, since: date | None, until: date | None, channels: list[str] | None
) -> None:
    from gfpipe.archive.manifest import Manifest  # noqa: PLC0415
    from gfpipe.lake import shards  # noqa: PLC0415
    from gfpipe.models import champion  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.stages.analysis import reclassify as stage  # noqa: PLC0415

    analysis = Analysis(classifier=champion.resolve(classifier), device=device)
    stage.prepare(analysis)
    wanted = Manifest(lake, tuple(shards.analysed(lake))).between(since, until).on(channels).recordings
    due = [recording for recording in wanted if stage.finished(recording, lake, analysis) is None]
    for recording in due:
        console.console.print(recording.label, markup=False, highlight=False, soft_wrap=True)
    console.say(f"{len(due)} of {len(wanted)} recordings would be read again")


@app.command(rich_help_panel=Panel.ANALYSE, epilog=example("gfpipe status --lake lake"))
def status(lake: Lake) -> None:
    """Show coverage by channel and day: scheduled, analysed, failed, and why."""
    from gfpipe import warehouse  # noqa: PLC0415

    coverage, failures = warehouse.report(lake, "coverage", "failures")
    console.coverage(coverage.to_pylist())
    for row in failures.to_pylist():
        console.problem(row["status"], row["path"], row["reason"])


@app.command(rich_help_panel=Panel.ANALYSE, epilog=example("gfpipe publish --lake lake"))
def publish(lake: Lake) -> None:
    """Build the warehouse LAKE/gfpipe.duckdb anew and print screen time by channel."""
    from gfpipe.cli import flow_runs as run  # noqa: PLC0415
    from gfpipe.cli import stats_tables as figures  # noqa: PLC0415

    published = run.publish(lake)
    figures.show(published.screen_time, ["channel"])
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
    from gfpipe.cli import shell  # noqa: PLC0415

    shell.run(lake, command, "csv" if csv else "json" if json else "table", parquet)


@app.command(rich_help_panel=Panel.ANALYSE, epilog=example("gfpipe demo --out demo"))
def demo(out: Annotated[Path, typer.Option(help="Folder for the demo's archive and lake.")] = Path("demo")) -> None:
    """Make a small archive of real footage whose true screen time is known, and run everything on it."""
    from gfpipe.cli.demo import run_demo  # noqa: PLC0415

    run_demo(out)


@app.command(rich_help_panel=Panel.ANALYSE, epilog=example("gfpipe serve --config gfpipe.toml"))
def serve(
    config: Annotated[Path, typer.Option(help="The site's settings; deploy/gfpipe.toml is an example.")] = Path(
        "gfpipe.toml"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Prefect's UI on this machine.")] = 4200,
) -> None:
    """Run Prefect's server and UI on this machine, and analyse and publish on schedule until Ctrl-C."""
    from gfpipe.flows.serve import serve as serve_site  # noqa: PLC0415

    serve_site(config, port)


def main() -> None:
    """Entry point of ``gfpipe``: errors become one line and an exit code."""
    atexit.register(_say_no_more)
    try:
        app()
    except GfpipeError as exc:
        console.say(f"gfpipe: {exc}", "red")
        sys.exit(2 if isinstance(exc, UsageError) else 1)
    except SystemExit as exc:
        if exc.code == _INTERRUPTED:
            console.say("Stopped. What is finished is kept; run the same command again to go on.", "yellow")
        raise


def _say_no_more() -> None:
    """Close the curtain before the interpreter takes DuckDB apart.

    Where Prefect's threads still hold on to it, DuckDB's bindings list every object as leaked, on standard error.
    """
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
