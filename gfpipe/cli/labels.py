"""``gfpipe label`` and ``gfpipe speech``: what people saw and other programs heard, into the lake and out again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gfpipe.cli import console, label_design
from gfpipe.cli.options import By, Draws, Lake, example, names
from gfpipe.errors import UsageError
from gfpipe.formats import HOURS, clock, share_with_interval

label = typer.Typer(
    help="A human's answers about faces: what corrects the figures for the classifier's errors.", no_args_is_help=True
)
label.add_typer(label_design.app)
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
    from gfpipe.stages.labels import label as stage  # noqa: PLC0415

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


@label.command(
    "serve",
    epilog=example(
        "gfpipe label serve --lake lake --queue march --annotator AB",
        "gfpipe label serve --lake lake --queue march --annotator CD --port 8766 --no-open",
    ),
)
def label_serve(
    lake: Lake,
    queue: Annotated[str, typer.Option(help="Which queue to answer: see gfpipe label sample.")],
    annotator: Annotated[
        str, typer.Option(help="Who answers, such as AB; each has answers and progress of their own.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any that is free.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other machines reach any but this one.")
    ] = "127.0.0.1",
    show_answers: Annotated[
        bool, typer.Option("--show-answers", help="Tell the model's answer after each of the annotator's own.")
    ] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only print the address; start no browser.")] = False,
) -> None:
    """Open a page on which a person answers a queue: one face at a time, and whole frames, until Ctrl-C.

    Each answer is in the lake when the page says "Saved"; nothing is lost if
    this is killed. Run it again to go on. No picture is written to the disk.
    """
    import webbrowser  # noqa: PLC0415

    from gfpipe.labelling.page import guard, serving  # noqa: PLC0415

    def ready(address: str, once: str) -> None:
        if not guard.is_loopback(host):
            console.say(
                "Whoever can reach this machine and has the address below can see these faces and answer. "
                "It is not encrypted: use it in a network that you trust, or through an SSH tunnel.",
                "yellow",
            )
        console.say(f"{annotator} at the queue {queue}: {address}")
        console.say("Ctrl-C stops it; answers are saved one by one.")
        if not no_open:
            webbrowser.open(once)

    session = serving.run(lake, queue, annotator, host, port, show_answers, ready)
    console.say(f"\n{session.saved} answers saved now; {session.progress.done} of {session.progress.total} in all.")
    if session.progress.skipped:
        console.say(f"{session.progress.skipped} were skipped, as their pictures could not be shown.", "yellow")
    if session.progress.done:
        console.say(f"To have the figures corrected with them: gfpipe publish --lake {lake}")


@label.command("list", epilog=example("gfpipe label list --lake lake"))
def label_list(lake: Lake) -> None:
    """Show which labels the lake holds: files that were imported, queues that were answered."""
    from gfpipe.labelling import store  # noqa: PLC0415

    rows = [
        {
            "from": console.short(each.source),
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
    file: Annotated[Path, typer.Argument(help='CSV of labels, or "queue NAME by ANNOTATOR", as the list says.')],
    lake: Lake,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Take back what was imported from a file, or answered at a queue.

    The file itself is left alone, and need not be there any more.
    """
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
    from gfpipe.stages.labels import speech as stage  # noqa: PLC0415

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


ina = typer.Typer(help="What inaFaceAnalyzer saw: both tools' screen time side by side.", no_args_is_help=True)

_SHARE = "share_female_face_time"


@ina.command(
    "import",
    epilog=example(
        "ina_face_analyzer.py -i archive/north/*.mp4 -o faces/north --fps 1",
        "gfpipe ina import faces --lake lake --into ina-lake --fps 1",
        "gfpipe publish --lake ina-lake",
    ),
)
def ina_import(
    sources: Annotated[
        list[Path], typer.Argument(metavar="FOLDER_OR_FILES...", help="CSVs of inaFaceAnalyzer, or folders of them.")
    ],
    lake: Lake,
    into: Annotated[str, typer.Option(help="Another folder, for a lake of what inaFaceAnalyzer saw.")],
    fps: Annotated[
        float | None, typer.Option(help="The --fps of its run; left out: it had none, and looked at every frame.")
    ] = None,
) -> None:
    """Make a lake of what inaFaceAnalyzer saw in the recordings of another lake.

    A file is about the recording of the same name: news.csv for news.mp4.
    Folders below the one given are those of the archive:
    faces/north/2024-03-07/1900_news.csv. Importing again replaces.

    A face that it gives the logit x of male counts as perceived female with
    1 / (1 + exp(x)); how high a face must be to count is as in --lake.
    """
    if fps is not None and not fps > 0:
        raise UsageError("--fps is more than 0")
    from gfpipe.stages.labels import ina as stage  # noqa: PLC0415

    with console.counting("files") as progress:
        summary = stage.run(lake, into, sources, fps, progress)
    console.say(f"{summary.recordings} recordings, {clock(summary.seconds)}: {summary.faces} faces")
    for path, why in summary.problems:
        console.problem("left out", str(path), why)
    if summary.problems:
        console.say(f"{len(summary.problems)} files were left out", "yellow")
        raise typer.Exit(1)
    console.say(f"To have its figures: gfpipe publish --lake {into}; gfpipe ina compare --lake {lake} --with {into}")


@ina.command(
    "compare",
    epilog=example(
        "gfpipe ina compare --lake lake --with ina-lake --by channel,programme",
        "gfpipe ina compare --lake lake --with ina-lake --by channel --out side-by-side.csv",
    ),
)
def ina_compare(
    lake: Lake,
    other: Annotated[str, typer.Option("--with", help="The lake to hold beside it; both are published.")],
    by: By = "channel",
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Write all columns to this CSV file.")] = None,
    draws: Draws = 2000,
) -> None:
    """Print what two lakes of one archive say of the recordings that both have, side by side."""
    from gfpipe import warehouse  # noqa: PLC0415
    from gfpipe.stages.figures import compare as stage  # noqa: PLC0415

    asked = names(by)
    found = stage.run(lake, other, asked, draws)
    if out:
        warehouse.write(found, "csv", out)
        console.say(f"{found.num_rows} rows written to {out}")
        return
    console.table(
        [_line(row, asked, Path(lake).name, Path(other).name) for row in found.to_pylist()],
        "Women's share of face time by perceived gender, 95 % intervals in brackets",
    )


def _line(row: Mapping[str, Any], by: Sequence[str], first: str, second: str) -> dict[str, str]:
    other = {name.removeprefix("other_"): value for name, value in row.items() if name.startswith("other_")}
    return {
        **{name: str(row[name]) for name in by},
        f"women's share, {first}": share_with_interval(row, _SHARE),
        f"women's share, {second}": share_with_interval(other, _SHARE),
        "difference": "" if row["difference"] is None else f"{row['difference']:+.1f} points",
        f"women, men, {first}": _seen(row),
        f"women, men, {second}": _seen(other),
        "hours": HOURS.text(row["hours_analysed"]),
    }


def _seen(row: Mapping[str, Any]) -> str:
    return ", ".join(clock(row[f"{who}_face_seconds"]) for who in ("female", "male"))
