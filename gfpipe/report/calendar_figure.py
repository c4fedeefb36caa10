"""The calendar of coverage."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import altair as alt

from gfpipe.output.drawing import FILL, VERMILION, WHITE, Plan, layered
from gfpipe.report.drawing import Size, category_x, names_y
from gfpipe.report.elements import Row
from gfpipe.report.periods import Calendar

STATES: Final = {
    "all": ("99 % or more", "#0b4a75"),
    "most": ("90 % or more", "#4c93c3"),
    "half": ("half or more", "#a3cbe3"),
    "less": ("less than half", "#dcebf5"),
    "nothing": ("scheduled, not analysed", VERMILION),
    "unknown": ("analysed; scheduled length unknown", "#949494"),
    "none": ("neither scheduled nor recorded", "#949494"),
}
_FOLD_WIDE: Final = 124
_FOLD_NARROW: Final = 62


def coverage_calendar(calendar: Calendar, size: Size) -> Plan:
    """Coverage by channel and day, week or month, folded into several lines if it is too wide."""
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
                "fill": STATES[row["state"]][1],
            }
        )
    return Plan(alt.vconcat(*charts, spacing=18), data)


def is_folded(calendar: Calendar) -> bool:
    """Whether the calendar for phones has more than one line per channel."""
    return len(_folds(calendar, _FOLD_NARROW)) > 1


def _calendar_rows(name: str, calendar: Calendar, fold: Sequence[date], size: Size, cell: float) -> alt.LayerChart:
    plot = cell * len(fold)
    labels = calendar.labels(fold, cell)
    x = category_x("start", [f"{start}" for start in fold], labels, gap=0.12 if cell > 6 else 0.04)
    base = alt.Chart(alt.NamedData(name)).encode(x=x, y=names_y("channel", calendar.channels, size.left))
    heights = {"none": 0.08, "short": 0.4, "whole": 0.8, "nothing": 0.98}
    layers = [
        base.transform_filter(f"datum.kind == '{kind}'").mark_rect(height={"band": height}).encode(fill=FILL)
        for kind, height in heights.items()
    ]
    cross = base.transform_filter("datum.kind == 'nothing'").mark_text(
        text="×", color=WHITE, fontWeight="bold", fontSize=min(16, max(8, cell * 1.6))
    )
    return layered(*layers, cross).properties(width=plot, height=22 * len(calendar.channels))


def _folds(calendar: Calendar, most: int) -> list[Sequence[date]]:
    """Split the cells into about equal lines of at most `most`; lines of months are whole years."""
    count = len(calendar.starts)
    lines = -(-count // most)
    length = -(-count // lines)
    if calendar.unit == "month" and lines > 1:
        length = -(-length // 12) * 12
    return [calendar.starts[at : at + length] for at in range(0, count, length)]
