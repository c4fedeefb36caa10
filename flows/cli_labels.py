"""``gfpipe label`` and ``gfpipe speech``: what people saw and other programs heard, into the lake and out again."""

from pathlib import Path
from typing import Annotated

import typer

from flows import console
from flows.options import Lake, example
from flows.tables import clock

label = typer.Typer(
    help="A human's answers about faces: what corrects the figures for the classifier's errors.", no_args_is_help=True
)
speech = typer.Typer(help="What inaSpeechSegmenter heard: women seen, and women heard.", no_args_is_help=True)

LabelFile = Annotated[Path, typer.Argument(help="CSV of labels.", dir_okay=False)]


@label.command(
    "import",
    epilog=example(
        "gfpipe label import labels.csv --lake lake",
        "recording,seconds,x1,y1,x2,y2,answer,weight,annotator,whole_picture",
        "north/2024-03-07/1900_news.mp4,12.5,410,96,520,230,female,250,AB,true",
        "north/2024-03-07/1900_news.mp4,12.5,700,88,790,204,male,250,AB,true",
    ),
)
def label_import(file: LabelFile, lake: Lake) -> None:
    """Import answers about faces; importing the same file again replaces it.

    A row is a face: recording (its recording_id, its path, or the end of its
    path), seconds (from the recording's start), x1, y1, x2, y2 (its box in
    pixels of the source frame; or one column box: "x1 y1 x2 y2"), and answer:
    female, male, undecided or no_face.

    If known: weight (how many faces of the archive this one stands for; 1 where
    left out), annotator, and whole_picture (true where every face of that
    picture was marked, so that faces which the detector missed show).
    """
    from gfpipe.stages import label as stage  # noqa: PLC0415

    summary = stage.run(lake, file)
    answers = ", ".join(f"{count} {answer}" for answer, count in summary.answers.items())
    console.say(f"{summary.labels} labels in {summary.recordings} recordings: {answers}")
    if summary.in_whole_pictures:
        console.say(f"{summary.in_whole_pictures} of them in pictures of which every face was marked")
    if summary.replaced:
        console.say(f"They replace {summary.replaced} labels that were imported from this file before.")
    if summary.unused:
        console.say(f"Columns that were not used: {', '.join(summary.unused)}", "yellow")
    console.say(f"To have the figures corrected with them: gfpipe publish --lake {lake}")


@label.command("list", epilog=example("gfpipe label list --lake lake"))
def label_list(lake: Lake) -> None:
    """Show which files of labels the lake holds."""
    from gfpipe.labelling import store  # noqa: PLC0415

    rows = [
        {
            "file": console.short(each.source),
            "labels": each.labels,
            "imported": f"{each.imported_at:%Y-%m-%d %H:%M} UTC",
        }
        for each in store.imports(lake)
    ]
    if rows:
        console.table(rows, "Labels")
    else:
        console.say(f"{lake} holds no labels; bring some in with: gfpipe label import FILE.csv --lake {lake}")


@label.command("remove", epilog=example("gfpipe label remove labels.csv --lake lake --dry-run"))
def label_remove(
    file: LabelFile,
    lake: Lake,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Take back what was imported from a file; the file itself is left alone, and need not be there any more."""
    from gfpipe.labelling import store  # noqa: PLC0415

    labels = store.remove_labels(lake, file, dry_run)
    console.say(f"{labels} labels {'would be' if dry_run else 'were'} removed from {lake}")


@speech.command(
    "import",
    epilog=example(
        "ina_speech_segmenter.py -i archive/north/*.mp4 -o segments",
        "gfpipe speech import segments --lake lake",
    ),
)
def speech_import(
    sources: Annotated[
        list[Path], typer.Argument(metavar="FOLDER_OR_FILES...", help="CSVs of inaSpeechSegmenter, or folders of them.")
    ],
    lake: Lake,
) -> None:
    """Import what inaSpeechSegmenter heard: tab-separated labels, start, stop, a file a recording.

    A file is about the recording of the same name: news.csv for news.mp4.
    Folders below the one given are those of the archive:
    segments/north/2024-03-07/1900_news.csv. Importing again replaces.
    """
    from gfpipe.stages import speech as stage  # noqa: PLC0415

    with console.counting("files") as progress:
        summary = stage.run(lake, sources, progress)
    heard = ", ".join(f"{label} {clock(seconds)}" for label, seconds in summary.seconds.items() if seconds)
    console.say(f"{summary.recordings} recordings: {heard or 'nothing heard'}")
    for path, why in summary.problems:
        console.problem("left out", str(path), why)
    if summary.problems:
        console.say(f"{len(summary.problems)} files were left out", "yellow")
        raise typer.Exit(1)
    console.say(f"To join it with what is seen: gfpipe publish --lake {lake}")
