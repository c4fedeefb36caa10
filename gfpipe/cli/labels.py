"""``gfpipe label``, ``speech`` and ``ina``: annotators' labels, and the results of INA's two programs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from gfpipe.cli import console, label_design
from gfpipe.cli.options import By, Draws, DryRun, Lake, PageOptions, Queue, command, split
from gfpipe.cli.results import output
from gfpipe.cli.results.output import OutputOptions
from gfpipe.errors import UsageError
from gfpipe.output.figures import SHARE
from gfpipe.output.formats import HOURS, clock, counted, share_with_interval
from gfpipe.output.tables import Table

label = typer.Typer(help="Label faces, to correct the figures for the classifier's errors.", no_args_is_help=True)
speech = typer.Typer(
    help="Import inaSpeechSegmenter's results: speaking time beside screen time.", no_args_is_help=True
)
ina = typer.Typer(help="Import inaFaceAnalyzer's results, and compare them with gfpipe's.", no_args_is_help=True)

Sources = Annotated[list[Path], Argument(metavar="FOLDER_OR_FILES...", help="CSV files, or folders of them.")]


@command(
    label,
    "gfpipe label import labels.csv --lake lake",
    "recording,seconds,x1,y1,x2,y2,answer,weight,annotator,whole_picture",
    "north/2024-03-07/1900_news.mp4,12.5,410,96,520,230,female,250,AB,true",
    "north/2024-03-07/1900_news.mp4,12.5,700,88,790,204,male,250,AB,true",
    name="import",
)
def label_import(file: Annotated[Path, Argument(help="CSV of labels.", dir_okay=False)], lake: Lake) -> None:
    """Import labels of faces; importing the same file again replaces its labels.

    One row per face: recording (recording_id, path, or the end of the path), seconds (from the start of the recording),
    x1, y1, x2, y2 (box in pixels of the source frame; or one column box: "x1 y1 x2 y2"), and answer: female, male,
    undecided or no_face.

    Optional columns: weight (how many faces of the archive the face represents; default: 1), annotator, and
    whole_picture (true where every face of the picture is labelled, so that faces missed by the detector show).
    """
    from gfpipe.stages.labels import label as stage  # noqa: PLC0415

    summary = stage.run(lake, file)
    answers = ", ".join(f"{count} {answer}" for answer, count in summary.answers.items())
    console.say(f"{counted(summary.labels, 'label')} in {counted(summary.recordings, 'recording')}: {answers}")
    if summary.in_whole_pictures:
        console.say(f"{summary.in_whole_pictures} of them in pictures of which every face is labelled")
    if summary.replaced:
        console.say(f"They replace {counted(summary.replaced, 'label')} of an earlier import of this file.")
    if summary.unused:
        console.say(f"Columns that were not used: {', '.join(summary.unused)}", "yellow")
    console.say(f"To correct the figures with them: gfpipe publish --lake {lake}")


@command(
    label,
    "gfpipe label serve --lake lake --queue march --annotator AB",
    "gfpipe label serve --lake lake --queue march --annotator CD --port 8766 --no-open",
    name="serve",
)
def label_serve(
    *,
    lake: Lake,
    queue: Queue,
    annotator: Annotated[
        str, Option(metavar="NAME", help="Name or initials; labels and progress are stored per annotator.")
    ],
    page: PageOptions,
    port: Annotated[int, Option(min=0, max=65535, help="Port to listen on; 0: any free port.")] = 8765,
    show_answers: Annotated[bool, Option(help="Show the classifier's answer after each of the annotator's.")] = False,
) -> None:
    """Serve a page on which an annotator labels a queue, single faces and whole frames, until Ctrl-C.

    A label is in the lake once the page says "Saved". Run the command again to continue. No picture is written to disk.
    """
    from gfpipe.pages.label import serving  # noqa: PLC0415

    ready = page.announce(f"{annotator} at the queue {queue}", "see these faces and label them")
    session = serving.run(lake, queue, annotator, page.host, port, show_answers, ready)
    console.say(
        f"\n{counted(session.saved, 'answer')} saved now; {session.progress.done} of {session.progress.total} in all."
    )
    if session.progress.skipped:
        console.say(f"{session.progress.skipped} were skipped: their pictures cannot be read.", "yellow")
    if session.progress.done:
        console.say(f"To correct the figures with them: gfpipe publish --lake {lake}")


@command(label, "gfpipe label list --lake lake", name="list")
def label_list(lake: Lake, to: OutputOptions) -> None:
    """List the labels in the lake, by imported file or queue."""
    from gfpipe.labelling import store  # noqa: PLC0415

    rows = [
        {
            "from": console.short(labels.source),
            "labels": labels.labels,
            "imported": f"{labels.imported_at:%Y-%m-%d %H:%M} UTC",
        }
        for labels in store.imports(lake)
    ]
    if rows:
        output.emit(to, Table.of("labels", "Labels", rows), rows)
    else:
        console.say(f"{lake} holds no labels; import some: gfpipe label import FILE.csv --lake {lake}")


@command(label, "gfpipe label remove labels.csv --lake lake --dry-run", name="remove")
def label_remove(
    source: Annotated[Path, Argument(help='CSV of labels, or "queue NAME by ANNOTATOR", as listed.')],
    lake: Lake,
    dry_run: DryRun = False,
) -> None:
    """Remove the labels that were imported from a file, or given by an annotator to a queue.

    The file is not changed, and need not exist any more.
    """
    from gfpipe.labelling import store  # noqa: PLC0415

    labels = store.remove_labels(lake, source, dry_run)
    console.say(f"{counted(labels, 'label')} {'would be' if dry_run else 'were'} removed from {lake}")


label.add_typer(label_design.app)


@command(
    speech,
    "ina_speech_segmenter.py -i archive/north/*.mp4 -o segments",
    "gfpipe speech import segments --lake lake",
    name="import",
)
def speech_import(sources: Sources, lake: Lake) -> None:
    """Import inaSpeechSegmenter's files: one per recording, tab-separated, with columns labels, start and stop.

    A file has the name of its recording: news.csv for news.mp4, in the same subfolders:
    segments/north/2024-03-07/1900_news.csv. Importing again replaces.
    """
    from gfpipe.stages.labels import speech as stage  # noqa: PLC0415

    with console.counting("files") as on_progress:
        summary = stage.run(lake, sources, on_progress)
    seconds = ", ".join(f"{name} {clock(seconds)}" for name, seconds in summary.seconds.items() if seconds)
    console.say(f"{counted(summary.recordings, 'recording')}: {seconds or 'no speech'}")
    _exit_on_problems(summary.problems)
    console.say(f"To join it with screen time: gfpipe publish --lake {lake}")


@command(
    ina,
    "ina_face_analyzer.py -i archive/north/*.mp4 -o faces/north --fps 1",
    "gfpipe ina import faces --lake lake --into ina-lake --fps 1",
    "gfpipe publish --lake ina-lake",
    name="import",
)
def ina_import(
    sources: Sources,
    lake: Lake,
    into: Annotated[str, Option(metavar="FOLDER", help="Lake to write: another folder than --lake.")],
    fps: Annotated[
        float | None, Option(help="Value of --fps in inaFaceAnalyzer's run; default: every frame was analysed.")
    ] = None,
) -> None:
    """Write inaFaceAnalyzer's results for the recordings of one lake as another lake.

    A file has the name of its recording: news.csv for news.mp4, in the same subfolders:
    faces/north/2024-03-07/1900_news.csv. Importing again replaces.

    A face with the logit x of male is perceived as female with probability 1 / (1 + exp(x)); the lowest face that
    counts is that of --lake.
    """
    if fps is not None and not fps > 0:
        raise UsageError("--fps is more than 0")
    from gfpipe.stages.labels import ina as stage  # noqa: PLC0415

    with console.counting("files") as on_progress:
        summary = stage.run(lake, into, sources, fps, on_progress)
    console.say(
        f"{counted(summary.recordings, 'recording')}, {clock(summary.seconds)}: {counted(summary.faces, 'face')}"
    )
    _exit_on_problems(summary.problems)
    console.say(f"Next: gfpipe publish --lake {into}; gfpipe ina compare --lake {lake} --with {into}")


def _exit_on_problems(problems: Sequence[tuple[Path, str]]) -> None:
    for path, reason in problems:
        console.problem("left out", str(path), reason)
    if problems:
        console.say(f"{len(problems)} files were left out", "yellow")
        raise typer.Exit(1)


@command(
    ina,
    "gfpipe ina compare --lake lake --with ina-lake --by channel,programme",
    "gfpipe ina compare --lake lake --with ina-lake --by channel --out side-by-side.csv",
    name="compare",
)
def ina_compare(
    *,
    lake: Lake,
    other: Annotated[str, Option("--with", metavar="LAKE", help="Lake to compare with; both are published.")],
    by: By = "channel",
    to: OutputOptions,
    draws: Draws = 2000,
) -> None:
    """Print the figures of two lakes side by side, for the recordings that are in both.

    CSV, JSON and Parquet have all columns.
    """
    from gfpipe.stages.figures import compare as stage  # noqa: PLC0415

    groups = split(by)
    result = stage.run(lake, other, groups, draws)
    lines = [_line(row, groups, Path(lake).name, Path(other).name) for row in result.to_pylist()]
    title = "Women's share of face time by perceived gender, 95 % intervals in brackets"
    output.emit(to, Table.of("comparison", title, lines), result)


def _line(row: Mapping[str, Any], by: Iterable[str], first: str, second: str) -> dict[str, str]:
    other = {name.removeprefix("other_"): value for name, value in row.items() if name.startswith("other_")}
    return {
        **{name: str(row[name]) for name in by},
        f"women's share, {first}": share_with_interval(row, SHARE),
        f"women's share, {second}": share_with_interval(other, SHARE),
        "difference": "" if row["difference"] is None else f"{row['difference']:+.1f} points",
        f"women, men, {first}": _face_time(row),
        f"women, men, {second}": _face_time(other),
        "hours": HOURS.text(row["hours_analysed"]),
    }


def _face_time(row: Mapping[str, Any]) -> str:
    return ", ".join(clock(row[f"{gender}_face_seconds"]) for gender in ("female", "male"))
