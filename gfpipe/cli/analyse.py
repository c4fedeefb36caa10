"""``gfpipe analyse``, ``reclassify``, ``status`` and ``demo``."""

import sys
import time
from datetime import date
from os.path import relpath
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gfpipe.choices import Device, Sampling
from gfpipe.cli import console
from gfpipe.cli.options import (
    Channel,
    Lake,
    Networks,
    Panel,
    Scheduler,
    Since,
    Until,
    Workers,
    example,
)
from gfpipe.errors import UsageError
from gfpipe.recording import Status
from gfpipe.settings import DEFAULT_PATTERN, Analysis, Keeping, Settings

if TYPE_CHECKING:
    from gfpipe.stages.analysis.demo import Programme

app = typer.Typer()
_DEFAULTS = Analysis()


@app.command(rich_help_panel=Panel.ANALYSE, epilog=example("gfpipe demo --out demo"))
def demo(out: Annotated[Path, typer.Option(help="Folder for the demo's archive and lake.")] = Path("demo")) -> None:
    """Make a small archive of real footage whose true screen time is known, and run everything on it."""
    run_demo(out)


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


_NEXT = """
Try next:
  {gfpipe} stats --lake {lake} --by channel,date
  {gfpipe} sql --lake {lake} -c "from screen_time_by_programme"
  {gfpipe} analyse {archive} --lake {exact} --timezone {zone} --sampling exact --every 0.5
  {gfpipe} analyse YOUR/ARCHIVE --lake lake --timezone YOUR/ZONE     (--help says more)"""


def run_demo(folder: Path) -> None:
    """Make the archive in ``folder``/archive, run everything on it, and print estimates beside the truth.

    Raises:
        GfpipeError: footage or models cannot be fetched, or a step failed.
    """
    from gfpipe.cli import flow_runs as run  # noqa: PLC0415
    from gfpipe.estimates.question import Question  # noqa: PLC0415
    from gfpipe.flows import server  # noqa: PLC0415
    from gfpipe.models import champion  # noqa: PLC0415
    from gfpipe.stages.analysis import demo as stage  # noqa: PLC0415
    from gfpipe.stages.figures import report, stats  # noqa: PLC0415

    archive, lake = folder.absolute() / "archive", str(folder / "lake")
    start = time.monotonic()
    with server.available(lambda: _make(archive), console.say):
        # Whatever this site has made champion since: the demo is the same everywhere.
        analysis = Analysis(classifier=champion.FIRST)
        summaries, _ = run.analyse(Settings(str(archive), lake, timezone=stage.TIMEZONE, analysis=analysis))
        _label(folder / "labels.csv", lake)
        published = run.publish(lake)
    console.table(_beside_the_truth(archive, lake), "Seconds of face time by perceived gender, estimated and true")
    console.figures(stats.run(lake, Question(by=("channel",))).to_pylist(), ["channel"])
    console.coverage(published.coverage)
    for summary in summaries:
        if summary.reason:
            console.problem(summary.status, summary.recording.path, summary.reason)
    report.run(lake, folder / "report.html")
    console.say(f"Done in {time.monotonic() - start:.0f} s. All of it on one page: {folder / 'report.html'}", "bold")
    exact = folder / "lake-exact"
    gfpipe = "gfpipe" if which("gfpipe") else relpath(sys.argv[0])
    console.say(_NEXT.format(gfpipe=gfpipe, lake=lake, archive=folder / "archive", exact=exact, zone=stage.TIMEZONE))


def _label(file: Path, lake: str) -> None:
    """Answer for some of the faces as a person would, and bring the answers in."""
    from gfpipe import warehouse  # noqa: PLC0415
    from gfpipe.stages.analysis import demo as stage  # noqa: PLC0415
    from gfpipe.stages.labels import label  # noqa: PLC0415

    warehouse.build(lake)
    stage.label(lake, file)
    summary = label.run(lake, file)
    console.say(f"{summary.labels} faces labelled as people would see them, in {console.short(file)}")


def _make(archive: Path) -> None:
    from gfpipe.stages.analysis import demo as stage  # noqa: PLC0415

    console.say(f"making a small archive of real footage in {console.short(archive)} …")
    stage.run(archive, lambda programme: console.say(f"  {programme.path}"))


def _beside_the_truth(archive: Path, lake: str) -> list[dict[str, object]]:
    from gfpipe import warehouse  # noqa: PLC0415
    from gfpipe.stages.analysis.demo import PROGRAMMES  # noqa: PLC0415

    with warehouse.open(lake) as db:
        screen_time = db.query("select r.path, s.* from screen_time as s join recordings as r using (recording_id)")
    found = {row["path"]: row for row in screen_time.to_pylist()}
    return [_line(programme, found.get(str(archive / programme.path))) for programme in PROGRAMMES]


def _line(programme: "Programme", found: dict[str, float] | None) -> dict[str, object]:
    def estimated(column: str) -> str:
        return f"{found[column]:.1f}" if found else "–"

    return {
        "programme": programme.path,
        "women": estimated("female_face_seconds"),
        "women, true": f"{programme.female_face_seconds}.0",
        "men": estimated("male_face_seconds"),
        "men, true": f"{programme.male_face_seconds}.0",
        "analysed": estimated("analysed_seconds"),
        "aired": f"{programme.seconds}.0",
        "note": {"cut": "the file was cut short", "text": "the file is no video"}.get(programme.damage, ""),
    }
