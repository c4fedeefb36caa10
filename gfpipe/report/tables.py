"""Tables of the page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final

from markupsafe import Markup, escape

from gfpipe.output.formats import COUNT, DIFFERENCE, HOURS, PERCENT, RATIO, UNKNOWN, Format, known
from gfpipe.report import notes, periods
from gfpipe.report.calendar import Calendar
from gfpipe.report.drawings.shares import KINDS_OF_TIME, METHODS
from gfpipe.report.elements import Row, group_of, interval, number
from gfpipe.report.language import N_, _
from gfpipe.report.periods import KEY, Unit

SHARE: Final = "share_female_face_time"
TRACKS: Final = "share_female_face_time_tracks"
CORRECTED: Final = "share_female_face_time_corrected"
DEBIASED: Final = "share_female_face_time_debiased"

_UNDER: Final = Markup('<span class="under">{}</span>')
_SIZES: Final = {"large": N_("large face"), "medium": N_("medium-sized face"), "small": N_("small face")}
_LABELS: Final = {
    "female": N_("a woman"),
    "male": N_("a man"),
    "undecided": N_("undecided"),
    "no_face": N_("no face"),
}
_PREDICTIONS: Final = {
    "female": N_("woman"),
    "male": N_("man"),
    "undecided": N_("unde\N{SOFT HYPHEN}cided"),
    None: N_("missed"),
}
_HEADINGS: Final = {
    "channel": N_("Channel"),
    "weekday": N_("Weekday"),
    "hour": N_("Hour"),
    "variant": N_("Way of counting"),
    **{KEY[unit]: heading for unit, heading in periods.HEADINGS.items()},
}
_MISSING: Final = {
    "failed": N_("could not be read"),
    "rejected": N_("not accepted: its name or row is not valid"),
    "missing": N_("not analysed yet"),
    "partial": N_("partly damaged"),
    "done": N_("analysed; scheduled length unknown"),
}


@dataclass(frozen=True)
class Cell:
    """One cell; `numeric` cells are aligned to the right. `key` and `value` are those of a row header in SQL."""

    content: Markup | str
    numeric: bool = False
    key: str = ""
    value: str = ""


@dataclass(frozen=True)
class DataTable:
    """One table; the first `keys` columns are row headers."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    keys: int = 1


@dataclass(frozen=True)
class Column:
    """A column of numbers; `name` is the column in SQL, `heading` a message."""

    heading: str
    name: str
    form: Format
    with_interval: bool = False


_HOURS: Final = Column(N_("Hours analysed"), "hours_analysed", HOURS)
_SCHEDULED: Final = Column(N_("Hours scheduled"), "hours_scheduled", HOURS)
_COVERAGE: Final = Column(N_("Coverage"), "coverage", PERCENT)


def series(rows: Iterable[Row], unit: Unit, name: str) -> DataTable:
    """Share by day, week or month, and by channel if the rows have one."""
    rows = list(rows)
    with_channel = any(row.get("channel") is not None for row in rows)
    keys = (*(["channel"] if with_channel else []), KEY[unit])
    names = {row["start"]: periods.name(row["start"], unit) for row in rows}
    columns = [_share(name), _HOURS, _SCHEDULED, _COVERAGE]
    shown = tuple(_row(row, keys, columns, {KEY[unit]: names[row["start"]]}) for row in rows)
    return DataTable(_headings(keys, columns), shown, len(keys))


def weekday_hours(rows: Iterable[Row], name: str) -> DataTable:
    """Share by weekday and hour."""
    rows = sorted(rows, key=lambda row: (row["weekday"], row["hour"]))
    keys, columns = ("weekday", "hour"), [_share(name), _HOURS]
    shown = tuple(
        _row(row, keys, columns, {"weekday": periods.weekday(row["weekday"]), "hour": periods.clock(row["hour"])})
        for row in rows
    )
    return DataTable(_headings(keys, columns), shown, len(keys))


def channels(rows: Iterable[Row], names: Sequence[str]) -> DataTable:
    """Share of each channel by each method."""
    methods = [Column(METHODS[name][0], name, PERCENT, with_interval=True) for name in names]
    return _of(rows, ("channel",), [*methods, _HOURS, _COVERAGE])


def kinds_of_time(headline: Row, channels: Iterable[Row]) -> DataTable:
    """Division of the analysed time, overall and by channel."""
    columns = [Column(words, name, PERCENT) for name, (words, _colour) in KINDS_OF_TIME.items()]
    table = _of(channels, ("channel",), columns)
    return replace(table, rows=(_row(headline, ("channel",), columns, {"channel": _("all")}), *table.rows))


def coverage(calendar: Calendar) -> DataTable:
    """Hours of each cell of the calendar with scheduled or recorded time."""
    columns = [
        Column(_SCHEDULED.heading, "coverage_hours_scheduled", HOURS),
        Column(_HOURS.heading, "coverage_hours_analysed", HOURS),
        Column(_COVERAGE.heading, "coverage_share", PERCENT),
        Column(N_("Failed, missing or of unknown length"), "recordings_without_length", COUNT),
    ]
    key = "air_date" if calendar.unit == "day" else KEY[calendar.unit]
    names = {start: periods.name(start, calendar.unit) for start in calendar.starts}
    shown = []
    for cell in calendar.cells:
        if cell["state"] != "none":
            start = cell["start"]
            row = {**cell, key: periods.key(start, calendar.unit), "recordings_without_length": cell["unread"] or None}
            shown.append(_row(row, ("channel", key), columns, {key: names[start]}))
    headings = (_(_HEADINGS["channel"]), _(periods.HEADINGS[calendar.unit]), *(_(it.heading) for it in columns))
    return DataTable(headings, tuple(shown), 2)


def missing(rows: Iterable[Row]) -> DataTable:
    """Recordings that failed, are missing, damaged or of unknown length, with what happened and the hours concerned."""
    shown = []
    for row in rows:
        file = PurePosixPath(str(row.get("path") or "").replace("\\", "/")).name
        day = periods.day(row["air_date"]) if row.get("air_date") else None
        channel = None if row["status"] == "rejected" else row.get("channel")
        programme = row.get("programme") or file or UNKNOWN
        place = " · ".join(each for each in (channel, day, file) if each and each != programme)
        name = escape(programme) + _UNDER.format(place)
        group = group_of(row, ("path",))
        shown.append(
            (
                Cell(name),
                Cell(_(_MISSING[row["status"]])),
                _number_cell(row, "hours_missing", HOURS, group, missing="?"),
            )
        )
    return DataTable((_("Recording"), _("What happened"), _("Hours missing")), tuple(shown))


def sensitivity(rows: Iterable[Row]) -> DataTable:
    """Share of the headline under each variant."""
    columns = [Column(N_("Share"), "share", PERCENT), Column(N_("Points"), "difference", DIFFERENCE)]
    shown = tuple(_row(row, ("variant",), columns, {"variant": notes.variant(row["variant"])}) for row in rows)
    return DataTable(_headings(("variant",), columns), shown)


def programmes(rows: Iterable[Row], names: Sequence[str]) -> DataTable:
    """Programmes with channel, hours, coverage, and these shares with intervals."""
    columns = [Column(METHODS[name][0], name, PERCENT, with_interval=True) for name in names]
    shown = []
    for row in rows:
        name = escape(row.get("programme") or _("not named")) + _UNDER.format(row.get("channel") or _("not named"))
        group = group_of(row, ("channel", "programme"))
        hours = number(row, "hours_analysed", HOURS, group) + _UNDER.format(number(row, "coverage", PERCENT, group))
        shares = _row(row, ("channel", "programme"), columns, {})[2:]
        shown.append((Cell(name), Cell(hours, numeric=True), *shares))
    headings = (_("Programme"), _("Hours analysed, coverage"), *(_capitalised(_(it.heading)) for it in columns))
    return DataTable(headings, tuple(shown))


def measures(headline: Row) -> DataTable:
    """Every estimand of the whole archive, as counted, corrected and debiased, with intervals."""
    methods = [SHARE, *(name for name in (CORRECTED, DEBIASED) if known(headline.get(name)) is not None)]
    rows = []
    for name, form, words in _MEASURES:
        cells = [Cell(_(words)), _number_cell(headline, name, form, "all", True)]
        for method in methods[1:]:
            column = name + method.removeprefix(SHARE)
            cells.append(_number_cell(headline, column, form, "all", True, missing=""))
        rows.append(tuple(cells))
    return DataTable((_("Measure"), *(_capitalised(_(METHODS[name][0])) for name in methods)), tuple(rows))


_MEASURES: Final = (
    (SHARE, PERCENT, N_("Women’s share of face time")),
    (TRACKS, PERCENT, N_("Women’s share of face time, over tracks")),
    ("female_to_male_ratio", RATIO, N_("Women’s face time / men’s face time")),
    ("share_female_presence_time", PERCENT, N_("Time with at least one woman on screen")),
    ("share_male_presence_time", PERCENT, N_("Time with at least one man on screen")),
    ("mean_faces", RATIO, N_("Mean number of faces on screen")),
    ("share_undecided_face_time", PERCENT, N_("Share of undecided faces in all face time")),
    ("share_only_female_time", PERCENT, N_("Time with women only")),
    ("share_both_time", PERCENT, N_("Time with women and men")),
    ("share_only_male_time", PERCENT, N_("Time with men only")),
    ("share_only_undecided_time", PERCENT, N_("Time with undecided faces only")),
    ("share_no_face_time", PERCENT, N_("Time with no face")),
)


def recall(rows: Iterable[Row]) -> DataTable:
    """Recall of the detector for women and men, and the share corrected for it."""
    columns = [
        Column(N_("Recall, women"), "recall_female", PERCENT),
        Column(N_("Recall, men"), "recall_male", PERCENT),
        Column(N_("Women’s share"), SHARE, PERCENT),
        Column(N_("Share corrected for recall"), "share_recall_corrected", PERCENT),
    ]
    shown = []
    for row in rows:
        group = f"detector_recall, {group_of(row, ('channel',))}"  # its share may differ from the channel's
        reason = row.get("reason")
        below = (
            notes.for_readers(reason)
            if reason
            else Markup(_("{faces} faces")).format(faces=number(row, "faces", COUNT, group))  # noqa: S704 - ours
        )
        channel = _("all") if row.get("channel") == "all" else row.get("channel") or _("not named")
        name = escape(channel) + _UNDER.format(below)
        shown.append((Cell(name), *(_number_cell(row, column.name, column.form, group) for column in columns)))
    return DataTable(_headings(("channel",), columns), tuple(shown))


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
    return DataTable((_("Label"), *map(_, _PREDICTIONS.values()), _("correct")), tuple(shown))


def _confusion_row(size: str, answer: str, sums: dict[str | None, float]) -> tuple[Cell, ...]:
    group = f"size={size}, answer={answer}"
    counts = [
        _number_cell({"faces": count}, "faces", COUNT, f"{group}, perceived_gender={prediction or 'null'}")
        for prediction, count in sums.items()
    ]
    detected = sum(count for prediction, count in sums.items() if prediction)
    same = {"share_read_the_same": sums[answer] / detected if answer in sums and detected else None}
    name = escape(_(_LABELS[answer])) + _UNDER.format(_(_SIZES[size]))
    return (Cell(name), *counts, _number_cell(same, "share_read_the_same", PERCENT, group))


def _share(name: str) -> Column:
    return Column(N_("Women’s share"), name, PERCENT, with_interval=True)


def _of(rows: Iterable[Row], keys: tuple[str, ...], columns: Sequence[Column]) -> DataTable:
    return DataTable(_headings(keys, columns), tuple(_row(row, keys, columns, {}) for row in rows), len(keys))


def _headings(keys: Iterable[str], columns: Iterable[Column]) -> tuple[str, ...]:
    return (*(_(_HEADINGS[key]) for key in keys), *(_capitalised(_(column.heading)) for column in columns))


def _capitalised(words: str) -> str:
    return words[:1].upper() + words[1:]


def _row(row: Row, keys: Sequence[str], columns: Sequence[Column], names: Mapping[str, str]) -> tuple[Cell, ...]:
    group = group_of(row, keys) or "all"
    heads = [Cell(names.get(key) or row.get(key) or _("not named"), key=key, value=_text(row.get(key))) for key in keys]
    numbers = [_number_cell(row, column.name, column.form, group, column.with_interval) for column in columns]
    return (*heads, *numbers)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _number_cell(
    row: Row, name: str, form: Format, group: str, with_interval: bool = False, missing: str | None = None
) -> Cell:
    if missing is not None and known(row.get(name)) is None:
        return Cell(missing, numeric=True)
    shown = number(row, name, form, group)
    if with_interval and known(row.get(name)) is not None:
        shown += interval(row, name, form, group) or Markup('<span class="interval">{}</span>').format(_("no interval"))
    return Cell(shown, numeric=True)
