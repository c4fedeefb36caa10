"""Figures as a person reads them on a terminal: the few columns that matter, and what is to be known below."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gfpipe.cli import console
from gfpipe.flows.tables import percent, with_interval

Row = Mapping[str, Any]

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WIDE: Final = 140  # characters that two by-columns and all figures take
_FIRST_TO_GO: Final = ("over tracks", "a woman on screen", "a man on screen")
_SHARE: Final = "share_female_face_time"


def show(rows: Sequence[Row], by: Sequence[str]) -> None:
    """Print the figures of each group, then why some are not there."""
    left_out = () if console.console.width >= _WIDE else _FIRST_TO_GO
    lines = [{name: cell for name, cell in _line(row, by).items() if name not in left_out} for row in rows]
    console.table(lines, "Screen time by perceived gender, 95 % intervals in brackets")
    more = [f"This terminal is narrow; --format csv has the rest ({', '.join(left_out)}, …)"] if left_out else []
    for note in [*notes(rows), *more]:
        console.console.print(note, markup=False, highlight=False, soft_wrap=True)


def notes(rows: Sequence[Row]) -> list[str]:
    """Why intervals or corrected figures are missing, and in how many rows."""
    return [
        f"{what}: {why}" + (f" ({count} of {len(rows)} rows)" if count < len(rows) else "")
        for what, column in (("No interval", "interval_note"), ("Not corrected", "correction_note"))
        for why, count in Counter(row[column] for row in rows if row[column]).most_common()
    ]


def _line(row: Row, by: Sequence[str]) -> dict[str, str]:
    known_length = row["coverage"] is not None
    return {
        **{column: _group(column, row[column]) for column in by},
        "women's share of face time": with_interval(row, _SHARE),
        "corrected": with_interval(row, f"{_SHARE}_corrected") if row[f"{_SHARE}_corrected"] is not None else "",
        "over tracks": percent(row[f"{_SHARE}_tracks"]) if row[f"{_SHARE}_tracks"] is not None else "",
        "a woman on screen": percent(row["share_female_presence_time"]),
        "a man on screen": percent(row["share_male_presence_time"]),
        "hours": hours(row["hours_analysed"]),
        "coverage": percent(row["coverage"]) if known_length else "unknown",
    }


def hours(value: float | None) -> str:
    """Hours as one compares them: ``0.02``, ``12.5``, ``8,760.0``."""
    return "0" if not value else f"{value:,.2f}" if value < 10 else f"{value:,.1f}"


def _group(column: str, value: Any) -> str:
    if value is None:
        return "unknown"
    return _DAYS[value - 1] if column == "weekday" else str(value)


def show_sensitivity(rows: Iterable[Row]) -> None:
    """Print how the headline moves with what was decided by convention."""
    lines = [
        {
            "variant": row["variant"],
            "women's share of face time": percent(row["share"]),
            "difference": "" if row["difference"] is None else f"{row['difference']:+.2f} points",
        }
        for row in rows
    ]
    console.table(lines, "Women's share of face time, had it been counted otherwise")
