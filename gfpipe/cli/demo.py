"""The demo: an archive whose true screen time is known, analysed, published and held against the truth."""

import sys
import time
from os.path import relpath
from pathlib import Path
from shutil import which

from gfpipe import warehouse
from gfpipe.cli import console
from gfpipe.cli import flow_runs as run
from gfpipe.cli import stats_tables as figures
from gfpipe.estimates.question import Question
from gfpipe.flows import server
from gfpipe.models import champion
from gfpipe.settings import Analysis, Settings
from gfpipe.stages.analysis import demo as stage
from gfpipe.stages.analysis.demo import PROGRAMMES, Programme
from gfpipe.stages.figures import report, stats
from gfpipe.stages.labels import label

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
    archive, lake = folder.absolute() / "archive", str(folder / "lake")
    start = time.monotonic()
    with server.available(lambda: _make(archive), console.say):
        # Whatever this site has made champion since: the demo is the same everywhere.
        analysis = Analysis(classifier=champion.FIRST)
        summaries, _ = run.analyse(Settings(str(archive), lake, timezone=stage.TIMEZONE, analysis=analysis))
        _label(folder / "labels.csv", lake)
        published = run.publish(lake)
    console.table(_beside_the_truth(archive, lake), "Seconds of face time by perceived gender, estimated and true")
    figures.show(stats.run(lake, Question(by=("channel",))).to_pylist(), ["channel"])
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
    warehouse.build(lake)
    stage.label(lake, file)
    summary = label.run(lake, file)
    console.say(f"{summary.labels} faces labelled as people would see them, in {console.short(file)}")


def _make(archive: Path) -> None:
    console.say(f"making a small archive of real footage in {console.short(archive)} …")
    stage.run(archive, lambda programme: console.say(f"  {programme.path}"))


def _beside_the_truth(archive: Path, lake: str) -> list[dict[str, object]]:
    with warehouse.open(lake) as house:
        screen_time = house.query("select r.path, s.* from screen_time as s join recordings as r using (recording_id)")
    found = {row["path"]: row for row in screen_time.to_pylist()}
    return [_line(programme, found.get(str(archive / programme.path))) for programme in PROGRAMMES]


def _line(programme: Programme, found: dict[str, float] | None) -> dict[str, object]:
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
