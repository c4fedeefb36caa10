"""Options shared by several commands, and how a command is added to the command line.

A parameter whose type is one of the dataclasses below stands for one option per field: `period: PeriodOptions` gives a
command ``--since``, ``--until`` and ``--channel``. Typer itself has no groups of options.
"""

import inspect
import re
from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, ParamSpec, TypeVar, get_args, get_type_hints

import typer
from typer import Option
from typer.models import OptionInfo

from gfpipe.choices import DEFAULT_DETECTOR, DEFAULT_MEMORY_GIB, DEFAULT_STALL_SECONDS, GROUPINGS, DateOrder, Device
from gfpipe.errors import LakeError, UsageError

if TYPE_CHECKING:
    from gfpipe.estimates.question import Question
    from gfpipe.evaluation.gate.non_inferiority import Margins

P = ParamSpec("P")
T = TypeVar("T")

_METAVARS: Final = {bool: "", int: "N", float: "X", str: "TEXT", Path: "PATH", list[str]: "TEXT"}


def command(app: typer.Typer, *examples: str, name: str | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Add the decorated function to `app`, with its docstring as help and `examples` at the end of the help."""

    def register(function: Callable[P, T]) -> Callable[P, T]:
        help_text = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(function) or "")  # the terminal wraps paragraphs
        epilog = "[bold]Example:[/bold]\n\n" + "\n".join(f"[cyan]{line}[/cyan]" for line in examples)
        app.command(name, help=help_text, epilog=epilog)(expand(function))
        return function

    return register


def expand(function: Callable[..., T]) -> Callable[..., T]:
    """Replace each parameter whose type is a dataclass by one keyword per field, for Typer to read."""
    types = get_type_hints(function, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in types.items() if is_dataclass(kind)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in groups:
            parameters.append(_keyword(name, types[name], parameter.default))
            continue
        hints = get_type_hints(groups[name], include_extras=True)
        parameters += [
            _keyword(
                field.name, hints[field.name], inspect.Parameter.empty if field.default is MISSING else field.default
            )
            for field in fields(groups[name])
        ]

    @wraps(function)
    def expanded(**options: Any) -> T:
        grouped = {
            name: group(**{field.name: options.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        return function(**options, **grouped)

    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    setattr(expanded, "__signature__", inspect.Signature(parameters))  # noqa: B010 - not an attribute for mypy
    return expanded


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """A parameter for Typer, with a short metavar, so that help fits into 80 columns; flags have no ``--no-`` form."""
    kind, info, *_ = get_args(annotation)
    info = copy(info)
    if info.metavar is None:
        value = next((argument for argument in get_args(kind) if argument in _METAVARS), kind)
        info.metavar = _METAVARS.get(value) if isinstance(info, OptionInfo) else name.upper()
    if kind is bool and info.default is ...:  # Typer stores the first name in `default`
        info.param_decls = (f"--{name.replace('_', '-')}",)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def split(text: str) -> tuple[str, ...]:
    """Split a comma-separated list; an empty text has no items."""
    return tuple(filter(None, map(str.strip, text.split(","))))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r} is not a date such as 2024-03-31") from exc


MORE: Final = "May be repeated."
_FILE: Final[dict[str, Any]] = {"exists": True, "dir_okay": False, "readable": True, "metavar": "FILE"}
_DAY: Final[dict[str, Any]] = {"parser": _day, "metavar": "DATE"}


def _existing(lake: str) -> str:
    from gfpipe.lake.storage import Storage  # noqa: PLC0415 - importing pyarrow takes its time

    storage = Storage(lake)
    if storage.is_local:  # the command itself says whether it can use another
        try:
            storage.require()
        except LakeError as exc:
            raise UsageError(str(exc)) from exc
    return lake


_LAKE: Final[dict[str, Any]] = {"envvar": "GFPIPE_LAKE"}
Lake = Annotated[str, Option("--lake", help="Lake: the folder or URL of the results.", callback=_existing, **_LAKE)]
NewLake = Annotated[str, Option("--lake", help="Lake: the folder or URL of the results; made if missing.", **_LAKE)]
DeviceOption = Annotated[Device, Option("--device", help="Device that runs the networks.")]
Queue = Annotated[str, Option("--queue", metavar="NAME", help="Name of the queue of faces to label.")]
DryRun = Annotated[bool, Option("--dry-run", help="Print what would be done, and change nothing.")]
Replace = Annotated[bool, Option("--replace", help="Replace what exists under this name.")]
By = Annotated[
    str,
    Option(
        "--by",
        metavar="LIST",
        help=f"Columns to group by, separated by commas: {', '.join(GROUPINGS)}, and columns of --programmes and "
        "--channels. Empty: one row in all.",
    ),
]
Dates = Annotated[
    DateOrder | None, Option(help="Order of dates such as 01/03/2024 in a table whose rows do not show it.")
]
Draws = Annotated[int, Option(min=200, help="Bootstrap resamples of recordings and labels, for intervals.")]
Data = Annotated[
    list[str],
    Option(
        metavar="NAME=PATH",
        help="Labelled faces; or NAME:FORM=PATH if the name is not the form: utkface, fairface, aaf, kaggle, adience, "
        f"lfw, folders, csv, parquet, lake, curated. {MORE}",
    ),
]
Detector = Annotated[
    str, Option(metavar="MODEL", help="Face detector; left at the default, a recipe or model may name another one.")
]


@dataclass(frozen=True)
class TrainingOptions:
    """How trainings find faces, where networks run, and what stays."""

    detector: Detector = DEFAULT_DETECTOR
    device: DeviceOption = Device.AUTO
    keep_chips: Annotated[bool, Option(help="Do not delete the cut faces from the run's folder.")] = False
    dry_run: DryRun = False


@dataclass(frozen=True)
class ComputeOptions:
    """Where networks and workers run."""

    device: DeviceOption = Device.AUTO
    workers: Annotated[int, Option(min=0, help="Worker processes; 0: one a core.")] = 0
    scheduler: Annotated[
        str | None, Option(metavar="ADDRESS", help="Dask scheduler, whose workers are used instead.")
    ] = None
    stall_seconds: Annotated[
        float, Option(min=1, help="Longest time without progress, after which a recording has failed.")
    ] = DEFAULT_STALL_SECONDS
    memory_gib: Annotated[
        float, Option(min=0.25, help="Most memory of a worker process, beyond which its recording has failed.")
    ] = DEFAULT_MEMORY_GIB

    @property
    def placement(self) -> dict[str, Any]:
        """The options as parameters of flows: where the workers are, and their limits."""
        from gfpipe.base.limits import Limits  # noqa: PLC0415 - importing pydantic takes its time

        limits = Limits(self.stall_seconds, self.memory_gib)
        return {"workers": self.workers, "scheduler": self.scheduler, "limits": limits}


@dataclass(frozen=True)
class PeriodOptions:
    """Which recordings: days on air and channels."""

    since: Annotated[date | None, Option(help="First day on air, local time, such as 2024-03-01.", **_DAY)] = None
    until: Annotated[date | None, Option(help="Last day on air, such as 2024-03-31.", **_DAY)] = None
    channel: Annotated[list[str] | None, Option(help=f"Only this channel. {MORE}")] = None

    @property
    def selection(self) -> dict[str, Any]:
        """The options as parameters of flows and stages."""
        return {"since": self.since, "until": self.until, "channels": self.channel}

    def question(self, by: tuple[str, ...] = ()) -> "Question":
        """The question that these options put to the warehouse, in groups of `by`."""
        from gfpipe.estimates.question import Question  # noqa: PLC0415 - importing pyarrow takes its time

        options = dict(vars(self))
        channels, file = options.pop("channel"), options.pop("channels", None)
        return Question(by, only_channels=tuple(channels or ()), channels_file=file, **options)


@dataclass(frozen=True)
class QuestionOptions(PeriodOptions):
    """Which recordings and faces, and how they are measured."""

    min_face: Annotated[
        float | None, Option(min=0, help="Lowest face that counts, in lines of a 360-line picture.")
    ] = None
    min_score: Annotated[float | None, Option(help="Lowest detector score that counts.")] = None
    model: Annotated[
        str | None, Option(help="Count the predictions of this model, where it has classified a recording.")
    ] = None
    exclude: Annotated[
        Path | None,
        Option(help="CSV of intervals to leave out, such as commercials: channel, start, end, reason.", **_FILE),
    ] = None
    dates: Dates = None
    programmes: Annotated[
        Path | None, Option(help="CSV of programmes: programme, genre and other classes.", **_FILE)
    ] = None
    channels: Annotated[
        Path | None,
        Option(
            help="CSV of channels: channel, media_type, channel_code, channel_name, is_public_channel, group, …",
            **_FILE,
        ),
    ] = None
    mix_models: Annotated[bool, Option(help="Allow figures of several classifiers in one series.")] = False
    draws: Draws = 2000


@dataclass(frozen=True)
class ViewOptions:
    """What a page shows first, and tables about its archive."""

    channel: Annotated[str | None, Option(help="Show this channel first.")] = None
    programme: Annotated[str | None, Option(help="Show this programme first.")] = None
    genre: Annotated[str | None, Option(help="Show programmes of this genre first, see --programmes.")] = None
    since: Annotated[date | None, Option(help="First day on air, local time.", **_DAY)] = None
    until: Annotated[date | None, Option(help="Last day on air.", **_DAY)] = None
    weekday: Annotated[int | None, Option(min=1, max=7, help="Day of the week, 1 (Monday) to 7.")] = None
    hour: Annotated[int | None, Option(min=0, max=23, help="Hour of the day, local time.")] = None
    programmes: Annotated[Path | None, Option(help="CSV of programmes and their genre.", **_FILE)] = None
    exclude: Annotated[
        Path | None, Option(help="CSV of intervals that are hatched: channel, start, end, reason.", **_FILE)
    ] = None
    dates: Dates = None

    @property
    def selection(self) -> dict[str, Any]:
        """All options by name."""
        return dict(vars(self))


@dataclass(frozen=True)
class PageOptions:
    """Where a page is served."""

    host: Annotated[
        str, Option(metavar="ADDRESS", help="Address to listen on; by default only this machine can connect.")
    ] = "127.0.0.1"
    no_open: Annotated[bool, Option(help="Print the address, and open no browser.")] = False

    def announce(self, what: str, risk: str) -> Callable[[str, str], None]:
        """Print a page's address and open it in a browser; with a warning of what others can do who reach it."""

        def ready(address: str, login: str) -> None:
            import webbrowser  # noqa: PLC0415

            from gfpipe.cli import console  # noqa: PLC0415
            from gfpipe.pages.server import access  # noqa: PLC0415

            if not access.is_loopback(self.host):
                console.say(
                    f"Anyone who can reach this machine and has the address below can {risk}. "
                    "The connection is not encrypted: use a trusted network, or an SSH tunnel.",
                    "yellow",
                )
            console.say(f"{what}: {address}")
            console.say("Ctrl-C stops it.")
            if not self.no_open:
                webbrowser.open(login)

        return ready


@dataclass(frozen=True)
class MarginOptions:
    """How much worse than the champion a model may be, to be promoted."""

    accuracy_margin: Annotated[float, Option(min=0, help="Largest loss of accuracy, in points.")] = 0.5
    gap_margin: Annotated[float, Option(min=0, help="Largest growth of the gap between women and men, in points.")] = (
        2.0
    )
    worst_margin: Annotated[float, Option(min=0, help="Largest loss of accuracy in the worst group, in points.")] = 2.0

    @property
    def margins(self) -> "Margins":
        """The margins of the gate."""
        from gfpipe.evaluation.gate.non_inferiority import Margins  # noqa: PLC0415 - importing scikit-learn takes seconds

        return Margins(self.accuracy_margin, self.gap_margin, self.worst_margin)
