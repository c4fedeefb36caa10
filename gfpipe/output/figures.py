"""Figures of screen time as tables for reading: rounded, with intervals and the reasons for missing ones."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gfpipe.output.formats import HOURS, PERCENT, share_with_interval
from gfpipe.output.tables import Table

SHARE: Final = "share_female_face_time"
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NOTES: Final = {
    "No interval": "interval_note",
    "Not corrected": "correction_note",
    "Not debiased": "debiased_note",
}
# What to do next, by the beginning of a reason for a missing figure.
_REMEDIES: Final = {
    "fewer than": "analyse more recordings into this lake and publish again, or choose larger groups with --by",
    "no labels": "draw faces to label with gfpipe label sample",
}

Row = Mapping[str, Any]


def screen_time(rows: Sequence[Row], by: Sequence[str], without: Iterable[str] = ()) -> Table:
    """The main figures of each group; `without` are headings to leave out. The note explains missing figures."""
    lines = [{name: cell for name, cell in _line(row, by).items() if name not in without} for row in rows]
    notes = [
        f"{what}: {reason}" + (f" ({count} of {len(rows)} rows)" if count < len(rows) else "") + _remedy(reason)
        for what, column in _NOTES.items()
        for reason, count in Counter(row[column] for row in rows if _is_worth_noting(row, column)).most_common()
    ]
    if any(row[f"{SHARE}_debiased"] is not None for row in rows):
        notes.append("Cite the debiased share: it assumes nothing about where the classifier errs")
    return Table.of(
        "screen_time", "Screen time by perceived gender, 95 % intervals in brackets", lines, "\n".join(notes)
    )


def sensitivity(rows: Iterable[Row]) -> Table:
    """How the share of women depends on conventions of counting."""
    lines = [
        {
            "variant": row["variant"],
            "women's share of face time": PERCENT.text(row["share"]),
            "difference": "" if row["difference"] is None else f"{row['difference']:+.2f} points",
        }
        for row in rows
    ]
    return Table.of("sensitivity", "Women's share of face time under other conventions", lines)


def _is_worth_noting(row: Row, column: str) -> bool:
    """Whether a reason says more than that there are no labels at all, or too few."""
    return bool(row[column]) and not (column == "debiased_note" and row["correction_note"])


def _remedy(reason: str) -> str:
    if "gfpipe label sample" in reason:
        return ""
    return next((f"; {remedy}" for start, remedy in _REMEDIES.items() if reason.startswith(start)), "")


def _line(row: Row, by: Sequence[str]) -> dict[str, str]:
    return {
        **{column: _group(column, row[column]) for column in by},
        "women's share of face time": share_with_interval(row, SHARE),
        **{
            method: share_with_interval(row, name) if row[name] is not None else ""
            for method, name in (("corrected", f"{SHARE}_corrected"), ("debiased", f"{SHARE}_debiased"))
        },
        "over tracks": PERCENT.text(row[f"{SHARE}_tracks"]) if row[f"{SHARE}_tracks"] is not None else "",
        "a woman on screen": PERCENT.text(row["share_female_presence_time"]),
        "a man on screen": PERCENT.text(row["share_male_presence_time"]),
        "hours": HOURS.text(row["hours_analysed"]),
        "coverage": "unknown" if row["coverage"] is None else PERCENT.text(row["coverage"]),
    }


def _group(column: str, value: Any) -> str:
    if value is None:
        return "unknown"
    return _DAYS[value - 1] if column == "weekday" else str(value)
