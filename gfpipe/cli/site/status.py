"""``gfpipe status``: the verdict on the last night, its failures, and the coverage of the last days."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer import Option

from gfpipe.cli import console
from gfpipe.cli.options import Lake, PeriodOptions, command
from gfpipe.cli.results import output
from gfpipe.cli.results.output import OutputOptions
from gfpipe.output.formats import UNKNOWN, WHOLE_PERCENT, clock, cut
from gfpipe.output.tables import Table

if TYPE_CHECKING:
    from gfpipe.nights.failures import Failure
    from gfpipe.nights.verdict import Verdict

app = typer.Typer()

Row = Mapping[str, Any]

_DAYS: Final = 7
_MOST: Final = 10  # failures and recordings shown, unless all failures are asked for
_WATCH_SECONDS: Final = 5.0
_LONGEST_CHANNEL: Final = 16  # characters, so that seven days fit into 80 columns


@dataclass(frozen=True)
class _State:
    """What the command shows."""

    night: "Verdict"
    coverage: Any  # the view of that name, as an Arrow table
    notes: Sequence[Row]
    slowest: Sequence[Row]


@command(
    app,
    "gfpipe status --lake lake",
    "gfpipe status --lake lake --failed --channel tv1",
    "gfpipe status --lake lake --since 2024-03-01 --until 2024-03-31 --out coverage.csv",
)
def status(
    lake: Lake,
    period: PeriodOptions,
    to: OutputOptions,
    failed: Annotated[bool, Option(help="All failures, also acknowledged ones, with their reasons.")] = False,
    slow: Annotated[bool, Option(help="The recordings whose analysis was slowest.")] = False,
    as_json: Annotated[bool, Option("--json", help="Everything as one JSON object.")] = False,
    watch: Annotated[bool, Option(help="Show it again every five seconds, until Ctrl-C.")] = False,
) -> None:
    """Show the verdict on the last night, what is new and what to do, and the coverage of the last seven days.

    A night is the time from noon to noon in the archive's time zone: the last one in which gfpipe analyse ran. --since
    and --until choose other days on air for the coverage, then by day. With --format or --out, only the coverage. Exit
    code 1: a file failed for the first time.
    """
    while True:
        state = _read(lake, period, slow=slow)
        if watch:
            console.console.clear()
        if as_json:
            print(json.dumps(_as_json(state), default=str, ensure_ascii=False, indent=2))
        elif to.form != "table" or to.out:
            output.emit(to, console.coverage(state.coverage.to_pylist()), state.coverage)
        else:
            _show(state, period, everything=failed)
        if not watch:
            break
        time.sleep(_WATCH_SECONDS)
    if state.night.new:
        raise typer.Exit(1)


def _read(lake: str, period: PeriodOptions, *, slow: bool) -> _State:
    from gfpipe import warehouse  # noqa: PLC0415
    from gfpipe.nights import survey, verdict  # noqa: PLC0415

    coverage, notes = warehouse.report(lake, "coverage", "notes")
    night = verdict.of(lake, period.channel)
    slowest = survey.slowest(lake, period.channel, night.evening)[:_MOST] if slow else ()
    return _State(night, _chosen(coverage, period), _chosen(notes, period).to_pylist(), slowest)


def _chosen(rows: Any, period: PeriodOptions) -> Any:
    """The rows of the chosen days on air and channels."""
    import pyarrow as pa  # noqa: PLC0415

    first, last = period.since or date.min, period.until or date.max
    mask = [
        (row["air_date"] is None or first <= row["air_date"] <= last)
        and (not period.channel or row["channel"] in period.channel)
        for row in rows.select(["channel", "air_date"]).to_pylist()
    ]
    return rows.filter(pa.array(mask, pa.bool_()))


def _show(state: _State, period: PeriodOptions, *, everything: bool) -> None:
    from gfpipe.nights import wording  # noqa: PLC0415

    night = state.night
    console.output(night.headline, "bold red" if night.new else "bold green")
    _show_failures("new", night.new, everything=everything)
    if everything:
        _show_failures("known", night.known, everything=True)
        _show_failures("accepted", night.acknowledged, everything=True)
    if night.new:
        console.output("\n".join(wording.TO_DO))
    for row in state.notes:
        console.problem("note", row["path"], row["note"])
    if state.slowest:
        console.table(list(map(_speed, state.slowest)), "Slowest analyses of the night")
    rows = state.coverage.to_pylist()
    if period.since or period.until:
        console.show(console.coverage(rows))
    else:
        console.show(_week(rows, night.evening + timedelta(days=1)))
    if (night.known or night.acknowledged) and not everything:
        console.output("Known and acknowledged failures: gfpipe status --failed", "dim")


def _show_failures(title: str, failures: "Sequence[Failure]", *, everything: bool) -> None:
    from gfpipe.nights import wording  # noqa: PLC0415

    shown = failures if everything else failures[:_MOST]
    for failure in shown:
        console.problem(title, failure.path, f"{failure.reason} ({wording.remark(failure)})")
    if len(shown) < len(failures):
        console.output(f"… and {len(failures) - len(shown)} more: gfpipe status --failed")


def _week(rows: Sequence[Row], morning: date) -> Table:
    """Coverage by channel of the seven days until a morning, or until the last day on air if that is earlier."""
    known = [row["air_date"] for row in rows if row["air_date"]]
    last = morning if any(morning - day < timedelta(days=_DAYS) for day in known) else max(known, default=morning)
    days = [last - timedelta(days=ago) for ago in reversed(range(_DAYS))]
    by_channel: dict[str, list[Row]] = {}
    for row in rows:
        if row["air_date"] in days:
            by_channel.setdefault(row["channel"] or "unknown", []).append(row)
    lines = [
        {
            "channel": cut(channel, _LONGEST_CHANNEL),
            **{str(day.day): _share([row for row in of_channel if row["air_date"] == day]) for day in days},
            "all": _share(of_channel),
        }
        for channel, of_channel in by_channel.items()
    ]
    return Table.of("week", f"% of the time on air analysed, {days[0]} to {days[-1]}", lines)


def _share(rows: Sequence[Row]) -> str:
    """Time analysed of the time on air; of recordings of unknown length, those that were analysed."""
    if not rows:
        return UNKNOWN
    on_air = sum(row["scheduled_seconds"] or 0.0 for row in rows)
    if not on_air:
        done = sum(row["done_recordings"] + row["partial_recordings"] for row in rows)
        return f"{done}/{sum(row['recordings'] for row in rows)}"
    # A loss is never rounded away.
    share = min(1.0, sum(row["analysed_seconds"] for row in rows) / on_air)
    whole = not any(row[f"{kind}_recordings"] for row in rows for kind in ("failed", "missing", "rejected"))
    return WHOLE_PERCENT.text(share if whole else min(share, 0.99), unit=False)


def _speed(row: Row) -> dict[str, str]:
    return {
        "recording": row["label"],
        "analysed": clock(row["analysed_seconds"]),
        "took": clock(row["seconds"]),
        "× real time": f"{row['analysed_seconds'] / row['seconds']:.1f}" if row["seconds"] else UNKNOWN,
    }


def _as_json(state: _State) -> dict[str, Any]:
    return {
        "headline": state.night.headline,
        "night": asdict(state.night),
        "coverage": state.coverage.to_pylist(),
        "notes": state.notes,
        "slowest": state.slowest,
    }
