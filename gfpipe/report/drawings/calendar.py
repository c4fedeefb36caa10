"""The calendar of coverage."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import altair as alt

from gfpipe.output.drawing import FILL, VERMILION, WHITE, Plan, layered
from gfpipe.output.formats import HOURS, PERCENT
from gfpipe.report import language, periods
from gfpipe.report.calendar import Calendar
from gfpipe.report.drawings.axes import HATCHED, HOVER, HOVERED, Size, category_x, names_y
from gfpipe.report.elements import Row
from gfpipe.report.language import N_, _, say_n, text

STATES: Final = {
    "all": (N_("99 % or more"), "#0b4a75"),
    "most": (N_("90 % or more"), "#4c93c3"),
    "half": (N_("half or more"), "#a3cbe3"),
    "less": (N_("less than half"), "#dcebf5"),
    "nothing": (N_("scheduled, not analysed"), VERMILION),
    "unknown": (N_("analysed; scheduled length unknown"), "#949494"),
    "none": (N_("neither scheduled nor recorded"), "#949494"),
}
_FOLD_WIDE: Final = 124
_FOLD_NARROW: Final = 62
_HEIGHTS: Final = {"none": 0.08, "short": 0.4, "whole": 0.8, "nothing": 0.98}


def coverage_calendar(calendar: Calendar, size: Size) -> Plan:
    """Coverage by channel and day, week or month, folded into several lines if it is too wide.

    Cells with recordings that failed or are of unknown length are hatched.
    """
    folds = _folds(calendar, _FOLD_NARROW if size.narrow else _FOLD_WIDE)
    longest = max(len(fold) for fold in folds)
    cell = min(size.plot, longest * 34) / longest
    charts = [_calendar_rows(f"fold{index}", calendar, fold, size, cell) for index, fold in enumerate(folds)]
    line = {start: f"fold{index}" for index, fold in enumerate(folds) for start in fold}
    data: dict[str, list[Row]] = {name: [] for name in line.values()}
    for row in calendar.cells:
        data[line[row["start"]]].append(
            {
                "channel": row["channel"],
                "start": f"{row['start']}",
                "kind": row["state"] if row["state"] in {"none", "nothing"} else "short" if row["short"] else "whole",
                "hatched": row["unread"] > 0,
                "fill": STATES[row["state"]][1],
                "says": _says(row, calendar),
            }
        )
    return Plan(alt.vconcat(*charts, spacing=18), data)


def is_folded(calendar: Calendar) -> bool:
    """Whether the calendar for phones has more than one line per channel."""
    return len(_folds(calendar, _FOLD_NARROW)) > 1


def _calendar_rows(name: str, calendar: Calendar, fold: Sequence[date], size: Size, cell: float) -> alt.LayerChart:
    plot = cell * len(fold)
    x = category_x(
        "start",
        [f"{start}" for start in fold],
        periods.labels(fold, calendar.unit, cell),
        gap=0.12 if cell > 6 else 0.04,
    )
    base = alt.Chart(alt.NamedData(name)).encode(x=x, y=names_y("channel", calendar.channels, size.left))
    layers = []
    for kind, height in _HEIGHTS.items():
        cells = base.transform_filter(f"datum.kind == '{kind}'").encode(**HOVER)
        layers.append(cells.mark_rect(height={"band": height}, **HOVERED).encode(fill=FILL))
        if kind in {"short", "whole"}:
            hatched = cells.transform_filter("datum.hatched")
            layers.append(hatched.mark_rect(height={"band": height}, fill=HATCHED, stroke=VERMILION, **HOVERED))
    cross = base.transform_filter("datum.kind == 'nothing'").mark_text(
        text="×", color=WHITE, fontWeight="bold", fontSize=min(16, max(8, cell * 1.6))
    )
    return layered(*layers, cross).properties(width=plot, height=22 * len(calendar.channels))


def _says(row: Row, calendar: Calendar) -> str:
    cell = f"{row['channel']}, {periods.name(row['start'], calendar.unit)}"
    if row["state"] == "none":
        return f"{cell}: {_('neither scheduled nor recorded')}"
    says = text(
        "{cell}: {analysed} of {scheduled} hours analysed ({coverage})",
        cell=cell,
        analysed=language.number(row["coverage_hours_analysed"], HOURS),
        scheduled=language.number(row["coverage_hours_scheduled"], HOURS),
        coverage=language.number(row["coverage_share"], PERCENT),
    )
    if row["unread"]:
        says += "; " + say_n(
            "{count} recording failed, is missing or of unknown length",
            "{count} recordings failed, are missing or of unknown length",
            round(row["unread"]),
        )
    return says


def _folds(calendar: Calendar, most: int) -> list[Sequence[date]]:
    """Split the cells into about equal lines of at most `most`; lines of months are whole years."""
    count = len(calendar.starts)
    lines = -(-count // most)
    length = -(-count // lines)
    if calendar.unit == "month" and lines > 1:
        length = -(-length // 12) * 12
    return [calendar.starts[at : at + length] for at in range(0, count, length)]
