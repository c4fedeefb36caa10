"""Options that several commands share, and how their help is written."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gfpipe.choices import Device

if TYPE_CHECKING:
    from gfpipe.estimates.question import Question


class Panel(StrEnum):
    """Under which heading ``gfpipe --help`` shows a command."""

    ANALYSE = "From recordings to screen time"
    FIGURES = "Figures"
    EVIDENCE = "What others say"
    MODELS = "Models"


Lake = Annotated[str, typer.Option("--lake", help="Folder (or object store's URL) of the Parquet shards.")]
Networks = Annotated[Device, typer.Option("--device", help="Where the networks run.")]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes that analyse; 0: one a core.")]
Scheduler = Annotated[str | None, typer.Option("--scheduler", help="Dask scheduler whose workers do the work.")]

_DAY = ["%Y-%m-%d"]
Since = Annotated[datetime | None, typer.Option("--since", formats=_DAY, help="First day, local time.")]
Until = Annotated[datetime | None, typer.Option("--until", formats=_DAY, help="Last day.")]
Channel = Annotated[list[str] | None, typer.Option("--channel", help="Only this channel; may be given again.")]

By = Annotated[
    str,
    typer.Option(
        "--by",
        help="What a row is, separated by commas: channel, programme, date, week, month, year, weekday, hour, model, "
        "and columns of --programmes and --channels. Empty: one row for everything.",
    ),
]
MinFace = Annotated[
    float | None,
    typer.Option(min=0, help="Count only faces at least so high; lines of a 360-line picture."),
]
_FILE: dict[str, Any] = {"exists": True, "dir_okay": False, "readable": True}
Exclude = Annotated[
    Path | None,
    typer.Option(
        **_FILE, help="CSV of what is left out: channel, start, end, reason (commercials, trailers, foreign material)."
    ),
]
Programmes = Annotated[Path | None, typer.Option(**_FILE, help="CSV of classes: programme, genre, …")]
Channels = Annotated[
    Path | None,
    typer.Option(
        "--channels",
        **_FILE,
        help="CSV of channels: channel, and media_type, channel_code, channel_name, is_public_channel, group, …",
    ),
]
MixModels = Annotated[bool, typer.Option("--mix-models", help="Let one series hold figures of several classifiers.")]
Draws = Annotated[int, typer.Option(min=200, help="How often recordings and labels are resampled for intervals.")]


def example(*lines: str) -> str:
    """The end of a command's help."""
    return "[bold]Example:[/bold]\n\n" + "\n\n".join(f"[cyan]{line}[/cyan]" for line in lines)


def names(text: str) -> tuple[str, ...]:
    """What a comma separates; nothing for an empty text."""
    return tuple(filter(None, map(str.strip, text.split(","))))


def question(
    by: str,
    min_face: float | None,
    exclude: Path | None,
    programmes: Path | None,
    channels: Path | None,
    channel: list[str] | None,
    since: datetime | None,
    until: datetime | None,
    mix_models: bool,
    draws: int,
) -> "Question":
    """What the options of a command that measures something ask."""
    from gfpipe.estimates.question import Question  # noqa: PLC0415 - importing pyarrow takes its time

    return Question(
        by=names(by),
        min_face=min_face,
        exclude=exclude,
        programmes=programmes,
        channels_file=channels,
        only_channels=tuple(channel or ()),
        since=since and since.date(),
        until=until and until.date(),
        mix_models=mix_models,
        draws=draws,
    )
