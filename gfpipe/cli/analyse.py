"""``gfpipe demo``, ``analyse`` and ``reclassify``."""

import sys
import time
from collections.abc import Mapping
from os.path import relpath
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer import Argument, Option

from gfpipe.choices import DEFAULT_DETECTOR, DEFAULT_EVERY_SECONDS, DEFAULT_PATTERN, Sampling
from gfpipe.cli import console
from gfpipe.cli.options import ComputeOptions, Dates, DryRun, Lake, NewLake, PeriodOptions, command
from gfpipe.errors import UsageError
from gfpipe.output.formats import counted
from gfpipe.recording import Status

if TYPE_CHECKING:
    from gfpipe.flows.jobs.recordings import ReclassifyJob
    from gfpipe.settings import CropRetention
    from gfpipe.stages.analysis.demo import Programme

app = typer.Typer()

_NEXT: Final = """
Try next:
  {gfpipe} stats --lake {lake} --by channel,date
  {gfpipe} sql --lake {lake} -c "from summary_by_programme"
  {gfpipe} analyse {archive} --lake {exact} --timezone {zone} --sampling exact --every 0.5
  {gfpipe} analyse YOUR/ARCHIVE --lake lake --timezone YOUR/ZONE     (more: --help)"""


@command(app, "gfpipe demo --out demo")
def demo(
    out: Annotated[Path, Option(metavar="FOLDER", help="Folder of the demo's archive and lake.")] = Path("demo"),
) -> None:
    """Make a small archive of real footage with known screen time, and run the whole pipeline on it."""
    from gfpipe.cli import flow_runs  # noqa: PLC0415
    from gfpipe.estimates.question import Question  # noqa: PLC0415
    from gfpipe.flows import server  # noqa: PLC0415
    from gfpipe.flows.jobs.recordings import AnalysisJob  # noqa: PLC0415
    from gfpipe.models import champion  # noqa: PLC0415
    from gfpipe.settings import Analysis  # noqa: PLC0415
    from gfpipe.stages.analysis import demo as stage  # noqa: PLC0415
    from gfpipe.stages.figures import report, stats  # noqa: PLC0415

    archive, lake = out.absolute() / "archive", str(out / "lake")
    start = time.monotonic()
    with server.available(lambda: _make(archive), console.say):
        # The demo gives the same figures whatever the current champion is.
        analysis = Analysis(classifier=champion.FIRST)
        job = AnalysisJob(archive=str(archive), lake=lake, timezone=stage.TIMEZONE, analysis=analysis)
        summaries, _ = flow_runs.analyse(job)
        _label(out / "labels.csv", lake)
        published = flow_runs.publish(lake)
    console.table(_beside_the_truth(archive, lake), "Seconds of face time by perceived gender, estimated and true")
    console.show(console.figures(stats.run(lake, Question(by=("channel",))).to_pylist(), ["channel"]))
    console.show(console.coverage(published.coverage))
    for summary in summaries:
        if summary.reason:
            console.problem(summary.status, summary.recording.path, summary.reason)
    report.run(lake, out / "report.html")
    console.say(f"Done in {time.monotonic() - start:.0f} s. The report: {out / 'report.html'}", "bold")
    gfpipe = "gfpipe" if which("gfpipe") else relpath(sys.argv[0])
    folders = {"lake": lake, "archive": out / "archive", "exact": out / "lake-exact"}
    console.say(_NEXT.format(gfpipe=gfpipe, zone=stage.TIMEZONE, **folders))


def _make(archive: Path) -> None:
    from gfpipe.stages.analysis import demo as stage  # noqa: PLC0415

    console.say(f"making a small archive of real footage in {console.short(archive)} …")
    stage.run(archive, lambda programme: console.say(f"  {programme.path}"))


def _label(file: Path, lake: str) -> None:
    """Label some of the faces as an annotator would, and import the labels."""
    from gfpipe import warehouse  # noqa: PLC0415
    from gfpipe.stages.analysis import demo as stage  # noqa: PLC0415
    from gfpipe.stages.labels import label  # noqa: PLC0415

    warehouse.build(lake)
    stage.label(lake, file)
    summary = label.run(lake, file)
    console.say(f"{counted(summary.labels, 'face')} labelled, in {console.short(file)}")


def _beside_the_truth(archive: Path, lake: str) -> list[dict[str, object]]:
    from gfpipe import warehouse  # noqa: PLC0415
    from gfpipe.stages.analysis.demo import PROGRAMMES  # noqa: PLC0415

    with warehouse.open(lake) as db:
        screen_time = db.query("select r.path, s.* from screen_time as s join recordings as r using (recording_id)")
    rows = {row["path"]: row for row in screen_time.to_pylist()}
    return [_line(programme, rows.get(str(archive / programme.path))) for programme in PROGRAMMES]


def _line(programme: "Programme", row: Mapping[str, float] | None) -> dict[str, object]:
    def estimated(column: str) -> str:
        return f"{row[column]:.1f}" if row else "–"

    return {
        "programme": programme.path,
        "women": estimated("female_face_seconds"),
        "women, true": f"{programme.female_face_seconds}.0",
        "men": estimated("male_face_seconds"),
        "men, true": f"{programme.male_face_seconds}.0",
        "analysed": estimated("analysed_seconds"),
        "aired": f"{programme.seconds}.0",
        "note": {"cut": "the file is truncated", "text": "the file is not a video"}.get(programme.damage, ""),
    }


@command(
    app,
    "gfpipe analyse /mnt/archive --lake lake --timezone Europe/Paris",
    "gfpipe analyse night.csv --lake lake --sampling exact --every 0.5",
    "gfpipe analyse news.mp4 --lake lake --channel tv1 --start 2024-03-31T20:00 --timezone Europe/Paris",
    "gfpipe analyse /mnt/archive --lake lake --timezone Europe/Paris --pattern '{channel}/{date}/{time}.{ext}' "
    "--guide guide.xml.gz",
    "gfpipe analyse /mnt/archive --lake lake --keep-crops --expires 30d",
)
def analyse(
    *,
    archive: Annotated[str, Argument(help="Folder of recordings, manifest (CSV, XLSX or Parquet), or one recording.")],
    lake: NewLake,
    pattern: Annotated[str, Option(help="Pattern of the paths in a folder.")] = DEFAULT_PATTERN,
    timezone: Annotated[
        str | None, Option(metavar="ZONE", help="Time zone of start times that have none, such as Europe/Paris.")
    ] = None,
    start: Annotated[
        str | None,
        Option(metavar="TIME", help="When one recording was on air, such as 2024-03-31T20:00; give --channel as well."),
    ] = None,
    dates: Dates = None,
    guide: Annotated[
        Path | None,
        Option(
            metavar="PATH",
            help="Programme guide that names recordings without a programme: XMLTV or VDR's epg.data, or a folder of "
            "such files.",
            exists=True,
        ),
    ] = None,
    guide_timezone: Annotated[
        str | None, Option(metavar="ZONE", help="Time zone of the guide's times without an offset; default: UTC.")
    ] = None,
    sampling: Annotated[
        Sampling, Option(help="Which frames are analysed: keyframes, or one every --every.")
    ] = Sampling.KEYFRAMES,
    every: Annotated[float, Option(help="Longest time that one frame represents, in seconds.")] = (
        DEFAULT_EVERY_SECONDS
    ),
    detector: Annotated[str, Option(metavar="MODEL", help="Face detector: see gfpipe models list.")] = (
        DEFAULT_DETECTOR
    ),
    classifier: Annotated[
        str, Option(metavar="MODEL", help="Perceived-gender classifier; champion: the promoted one.")
    ] = "champion",
    programme: Annotated[
        int | None,
        Option(
            metavar="NUMBER", help="Which programme of a transport stream with several; default: the first with video."
        ),
    ] = None,
    keep_crops: Annotated[bool, Option(help="Store pictures of some faces; needs --expires.")] = False,
    expires: Annotated[
        str | None, Option(metavar="TERM", help="How long crops are stored: 12h, 30d or 2w; at most a year.")
    ] = None,
    crops_per_track: Annotated[int | None, Option(help="Most crops per track; default: 1.")] = None,
    crops_per_recording: Annotated[int | None, Option(help="Most crops per recording; default: 200.")] = None,
    crops_per_day: Annotated[int | None, Option(help="Most crops per channel and day; default: 2000.")] = None,
    period: PeriodOptions,
    compute: ComputeOptions,
    retry_failed: Annotated[bool, Option(help="Try all failed recordings again now.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Detect and classify the faces in an archive's recordings, and write the results to the lake.

    The command can be repeated at any time: finished recordings are skipped, and interrupted ones are analysed again. A
    recording that failed is tried again when its file has changed, or after 1, 2, 4 and then every 7 nights. A file
    that is listed under another start, time zone, channel or programme than before replaces its earlier entry.

    No picture of a face is stored, unless you give --keep-crops, and then no longer than --expires: gfpipe purge
    deletes them. Crops are chosen at random; a recording gets the share of --crops-per-day that its length is of 24
    hours. Recordings that lack crops are then analysed again.
    """
    begun = time.monotonic()
    limits = {"per_track": crops_per_track, "per_recording": crops_per_recording, "per_day": crops_per_day}
    crops = _crops(keep_crops, expires, {name: limit for name, limit in limits.items() if limit is not None})
    analysis = {"sampling": sampling, "every_seconds": every, "detector": detector, "classifier": classifier}
    analysis |= {"device": compute.device, "programme": programme}
    from gfpipe.base.validation import parse  # noqa: PLC0415
    from gfpipe.cli import flow_runs  # noqa: PLC0415
    from gfpipe.flows.jobs.recordings import AnalysisJob  # noqa: PLC0415
    from gfpipe.settings import Analysis  # noqa: PLC0415

    job = AnalysisJob(
        archive=archive,
        lake=lake,
        pattern=pattern,
        start=start,
        timezone=timezone,
        dates=dates,
        guide=None if guide is None else str(guide),
        guide_timezone=guide_timezone,
        analysis=parse(Analysis, analysis),
        crops=crops,
        retry_failed=retry_failed,
        **compute.placement,
        **period.selection,
    )
    if dry_run:
        flow_runs.announce(job)
        return
    summaries, rejected = flow_runs.analyse(job)
    console.say(console.summary_line(summaries, time.monotonic() - begun))
    if rejected or any(summary.reason for summary in summaries):
        console.say(f"Some recordings are missing or incomplete; reasons: gfpipe status --lake {lake}", "yellow")
        raise typer.Exit(1)


def _crops(keep_crops: bool, expires: str | None, limits: dict[str, Any]) -> "CropRetention | None":
    if keep_crops and expires is None:
        raise UsageError("--keep-crops needs --expires: no picture is stored without an end, such as --expires 30d")
    if not keep_crops and (expires is not None or limits):
        options = ["--expires"] * (expires is not None) + [f"--crops-{name.replace('_', '-')}" for name in limits]
        raise UsageError(f"{', '.join(options)} without --keep-crops: no crops are stored; add --keep-crops")
    from gfpipe.base.validation import parse  # noqa: PLC0415
    from gfpipe.settings import CropRetention  # noqa: PLC0415 - importing pydantic takes its time

    return parse(CropRetention, {"expires": expires} | limits) if expires is not None else None


@command(
    app,
    "gfpipe reclassify --lake lake --classifier my-gender-v2 --dry-run",
    "gfpipe reclassify --lake lake --classifier champion",
)
def reclassify(
    *,
    lake: Lake,
    classifier: Annotated[
        str, Option(metavar="MODEL", help="Perceived-gender classifier; champion: the promoted one.")
    ],
    period: PeriodOptions,
    compute: ComputeOptions,
    dry_run: DryRun = False,
) -> None:
    """Classify all faces of a lake again with one model, so that its figures can stand in one series.

    The recordings are decoded again, but no faces are detected. The command can be repeated at any time: recordings
    that the model has classified are skipped.
    """
    from gfpipe.flows.jobs.recordings import ReclassifyJob  # noqa: PLC0415

    job = ReclassifyJob(
        lake=lake, classifier=classifier, device=compute.device, **compute.placement, **period.selection
    )
    if dry_run:
        _list_due(job)
        return
    start = time.monotonic()
    from gfpipe.cli import flow_runs  # noqa: PLC0415

    summaries = flow_runs.reclassify(job)
    console.say(console.summary_line(summaries, time.monotonic() - start))
    console.say(f"To update the figures: gfpipe publish --lake {lake}")
    if any(summary.status is Status.FAILED for summary in summaries):
        raise typer.Exit(1)


def _list_due(job: "ReclassifyJob") -> None:
    from gfpipe.flows.jobs.recordings import resolved  # noqa: PLC0415
    from gfpipe.stages.analysis import reclassify as stage  # noqa: PLC0415

    analysis = resolved(job)
    stage.prepare(analysis)
    recordings = job.select(job.holdings()).recordings
    due = [recording for recording in recordings if stage.finished(recording, job.lake, analysis) is None]
    for recording in due:
        console.output(recording.label)
    console.say(f"{len(due)} of {len(recordings)} recordings would be reclassified")
