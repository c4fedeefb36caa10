"""``gfpipe ina``: what inaFaceAnalyzer saw in the same recordings, side by side with what gfpipe saw."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gfpipe.cli import console
from gfpipe.cli.options import By, Draws, Lake, example, names
from gfpipe.cli.stats_tables import hours
from gfpipe.errors import UsageError
from gfpipe.flows.tables import clock, with_interval

app = typer.Typer(help="What inaFaceAnalyzer saw: both tools' screen time side by side.", no_args_is_help=True)

_SHARE = "share_female_face_time"


@app.command(
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


@app.command(
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
        f"women's share, {first}": with_interval(row, _SHARE),
        f"women's share, {second}": with_interval(other, _SHARE),
        "difference": "" if row["difference"] is None else f"{row['difference']:+.1f} points",
        f"women, men, {first}": _seen(row),
        f"women, men, {second}": _seen(other),
        "hours": hours(row["hours_analysed"]),
    }


def _seen(row: Mapping[str, Any]) -> str:
    return ", ".join(clock(row[f"{who}_face_seconds"]) for who in ("female", "male"))
