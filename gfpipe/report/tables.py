"""Tables of the page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from markupsafe import Markup, escape

from gfpipe.output.formats import COUNT, DIFFERENCE, HOURS, PERCENT, RATIO, Format, known
from gfpipe.report import figures, periods
from gfpipe.report.elements import Row, group_of, interval, number
from gfpipe.report.periods import UNKNOWN, WEEKDAYS

SHARE: Final = "share_female_face_time"
TRACKS: Final = "share_female_face_time_tracks"
CORRECTED: Final = "share_female_face_time_corrected"

_UNDER: Final = Markup('<span class="under">{}</span>')
_SIZES: Final = ("large", "medium", "small")
_LABELS: Final = {"female": "a woman", "male": "a man", "undecided": "undecided", "no_face": "no face"}
_PREDICTIONS: Final = {"female": "woman", "male": "man", "undecided": "unde\N{SOFT HYPHEN}cided", None: "missed"}


@dataclass(frozen=True)
class Cell:
    """One cell; `numeric` cells are aligned to the right."""

    content: Markup | str
    numeric: bool = False


@dataclass(frozen=True)
class DataTable:
    """One table; the first `keys` columns are row headers."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    keys: int = 1


@dataclass(frozen=True)
class Column:
    """A column of numbers; `name` is the column in SQL."""

    heading: str
    name: str
    form: Format
    with_interval: bool = False


_HOURS: Final = Column("Hours analysed", "hours_analysed", HOURS)
_COVERAGE: Final = Column("Coverage", "coverage", PERCENT)


def months(rows: Iterable[Row], name: str) -> DataTable:
    """Share by month, and by channel if the rows have one."""
    rows = list(rows)
    keys = ("channel", "month") if any(row.get("channel") is not None for row in rows) else ("month",)
    scheduled = Column("Hours scheduled", "hours_scheduled", HOURS)
    return _of(rows, keys, [_share(name), _HOURS, scheduled, _COVERAGE])


def weekday_hours(rows: Iterable[Row], name: str) -> DataTable:
    """Share by weekday and hour."""
    rows = sorted(rows, key=lambda row: (row["weekday"], row["hour"]))
    return _of(rows, ("weekday", "hour"), [_share(name), _HOURS])


def channels(rows: Iterable[Row], names: Sequence[str]) -> DataTable:
    """Share of each channel by each method."""
    methods = [Column(figures.METHODS[name][0].capitalize(), name, PERCENT, with_interval=True) for name in names]
    return _of(rows, ("channel",), [*methods, _HOURS, _COVERAGE])


def kinds_of_time(headline: Row, channels: Iterable[Row]) -> DataTable:
    """Division of the analysed time, overall and by channel."""
    columns = [Column(words.capitalize(), name, PERCENT) for name, (words, _) in figures.KINDS_OF_TIME.items()]
    table = _of(channels, ("channel",), columns)
    return replace(table, rows=(_row(headline, ("channel",), columns, {"channel": "all"}), *table.rows))


def coverage(calendar: periods.Calendar) -> DataTable:
    """Hours of each cell of the calendar with scheduled or recorded time."""
    columns = [
        Column("Hours scheduled", "coverage_hours_scheduled", HOURS),
        Column("Hours analysed", "coverage_hours_analysed", HOURS),
        Column("Coverage", "coverage_share", PERCENT),
    ]
    key = {"day": "air_date", "week": "week", "month": "month"}[calendar.unit]
    names = {start: calendar.cell_name(start) for start in calendar.starts}
    shown = []
    for cell in calendar.cells:
        if cell["state"] != "none":
            start = cell["start"]
            value = {"day": f"{start}", "week": f"{start:%G-W%V}", "month": f"{start:%Y-%m}"}[calendar.unit]
            shown.append(_row({**cell, key: value}, ("channel", key), columns, {key: names[start]}))
    return DataTable(("Channel", calendar.unit.capitalize(), *(column.heading for column in columns)), tuple(shown), 2)


def sensitivity(rows: Iterable[Row]) -> DataTable:
    """Share of the headline under each variant."""
    return _of(rows, ("variant",), [Column("Share", "share", PERCENT), Column("Points", "difference", DIFFERENCE)])


def programmes(rows: Iterable[Row], corrected: bool) -> DataTable:
    """Programmes with channel, hours, coverage, and shares with intervals."""
    names = {"As counted": SHARE} | ({"Corrected": CORRECTED} if corrected else {})
    columns = [Column(heading, name, PERCENT, with_interval=True) for heading, name in names.items()]
    shown = []
    for row in rows:
        name = escape(row.get("programme") or UNKNOWN) + _UNDER.format(row.get("channel") or UNKNOWN)
        group = group_of(row, ("channel", "programme"))
        hours = number(row, "hours_analysed", HOURS, group) + _UNDER.format(number(row, "coverage", PERCENT, group))
        shares = _row(row, ("channel", "programme"), columns, {})[2:]
        shown.append((Cell(name), Cell(hours, numeric=True), *shares))
    return DataTable(("Programme", "Hours analysed, coverage", *(column.heading for column in columns)), tuple(shown))


def measures(headline: Row) -> DataTable:
    """Every estimand of the whole archive, as counted and corrected, with intervals."""
    corrected = any(known(headline.get(f"{name}_corrected")) is not None for name, _, _ in _MEASURES)
    rows = []
    for name, form, words in _MEASURES:
        cells = [Cell(words), _number_cell(headline, name, form, "all", True)]
        if corrected:
            cells.append(_number_cell(headline, f"{name}_corrected", form, "all", True, missing=""))
        rows.append(tuple(cells))
    return DataTable(("", "As counted", *(["Corrected"] if corrected else [])), tuple(rows))


_MEASURES: Final = (
    (SHARE, PERCENT, "Women’s share of face time"),
    (TRACKS, PERCENT, "Women’s share of face time, over tracks"),
    ("female_to_male_ratio", RATIO, "Women’s face time / men’s face time"),
    ("share_female_presence_time", PERCENT, "Time with at least one woman on screen"),
    ("share_male_presence_time", PERCENT, "Time with at least one man on screen"),
    ("mean_faces", RATIO, "Mean number of faces on screen"),
    ("share_undecided_face_time", PERCENT, "Share of undecided faces in all face time"),
    ("share_only_female_time", PERCENT, "Time with women only"),
    ("share_both_time", PERCENT, "Time with women and men"),
    ("share_only_male_time", PERCENT, "Time with men only"),
    ("share_only_undecided_time", PERCENT, "Time with undecided faces only"),
    ("share_no_face_time", PERCENT, "Time with no face"),
)


def recall(rows: Iterable[Row]) -> DataTable:
    """Recall of the detector for women and men, and the share corrected for it."""
    columns = [
        Column("Recall, women", "recall_female", PERCENT),
        Column("Recall, men", "recall_male", PERCENT),
        Column("Women’s share", SHARE, PERCENT),
        Column("Share corrected for recall", "share_recall_corrected", PERCENT),
    ]
    shown = []
    for row in rows:
        group = f"detector_recall, {group_of(row, ('channel',))}"  # its share may differ from the channel's
        below = row.get("reason") or Markup("{} faces").format(number(row, "faces", COUNT, group))
        name = escape(row.get("channel") or UNKNOWN) + _UNDER.format(below)
        shown.append((Cell(name), *(_number_cell(row, column.name, column.form, group) for column in columns)))
    return DataTable(("Channel", *(column.heading for column in columns)), tuple(shown))


def confusion(rows: Iterable[Row]) -> DataTable:
    """Labels and predictions of the labelled faces, summed over channels."""
    rows = list(rows)
    answers = [answer for answer in _LABELS if any(row.get("answer") == answer for row in rows)]
    shown = []
    for size in _SIZES:
        for answer in answers:
            matching = [row for row in rows if row.get("size") == size and row.get("answer") == answer]
            sums: dict[str | None, float] = dict.fromkeys(_PREDICTIONS, 0)
            for row in matching:
                sums[row.get("perceived_gender")] += known(row.get("faces")) or 0
            if matching:
                shown.append(_confusion_row(size, answer, sums))
    return DataTable(("Label", *_PREDICTIONS.values(), "correct"), tuple(shown))


def _confusion_row(size: str, answer: str, sums: dict[str | None, float]) -> tuple[Cell, ...]:
    group = f"size={size}, answer={answer}"
    counts = [
        _number_cell({"faces": count}, "faces", COUNT, f"{group}, perceived_gender={prediction or 'null'}")
        for prediction, count in sums.items()
    ]
    detected = sum(count for prediction, count in sums.items() if prediction)
    same = {"share_read_the_same": sums[answer] / detected if answer in sums and detected else None}
    name = escape(_LABELS[answer]) + _UNDER.format(size)
    return (Cell(name), *counts, _number_cell(same, "share_read_the_same", PERCENT, group))


def _share(name: str) -> Column:
    return Column("Women’s share", name, PERCENT, with_interval=True)


def _of(rows: Iterable[Row], keys: tuple[str, ...], columns: Sequence[Column]) -> DataTable:
    headings = (*map(str.capitalize, keys), *(column.heading for column in columns))
    return DataTable(headings, tuple(_row(row, keys, columns, {}) for row in rows), len(keys))


def _row(row: Row, keys: tuple[str, ...], columns: Sequence[Column], names: dict[str, str]) -> tuple[Cell, ...]:
    group = group_of(row, keys) or "all"
    heads = [Cell(names.get(key) or _key(key, row.get(key))) for key in keys]
    numbers = [_number_cell(row, column.name, column.form, group, column.with_interval) for column in columns]
    return (*heads, *numbers)


def _key(key: str, value: Any) -> str:
    if value is None:
        return UNKNOWN
    if key == "weekday":
        return WEEKDAYS[value - 1]
    return f"{value:02d}:00" if key == "hour" else periods.month_name(value) if key == "month" else str(value)


def _number_cell(
    row: Row, name: str, form: Format, group: str, with_interval: bool = False, missing: str | None = None
) -> Cell:
    if missing is not None and known(row.get(name)) is None:
        return Cell(missing, numeric=True)
    shown = number(row, name, form, group)
    return Cell(shown + interval(row, name, form, group) if with_interval else shown, numeric=True)
