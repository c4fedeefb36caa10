"""Annotations: excluded intervals and classes of programmes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gfpipe.archive import annotations
from gfpipe.choices import DateOrder
from gfpipe.errors import UsageError

ZONES = [("One", "Europe/Berlin"), ("Two", "+02:00")]


def write(folder: Path, text: str) -> Path:
    file = folder / "file.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_times_without_zone_are_in_the_zone_of_the_channel(tmp_path: Path) -> None:
    file = write(tmp_path, "channel,start,end,reason\n,2001-07-01 20:00,2001-07-01 20:05,trailer\n")
    rows = annotations.exclusions(file, ZONES).to_pylist()
    assert [(row["channel"], row["starts"], row["ends"]) for row in rows] == [
        (channel, datetime(2001, 7, 1, 18, 0, tzinfo=UTC), datetime(2001, 7, 1, 18, 5, tzinfo=UTC))
        for channel in ("One", "Two")
    ]


def test_overlapping_intervals_are_merged(tmp_path: Path) -> None:
    minutes = ((0, 5), (3, 4), (5, 9))
    lines = [f"2001-07-01 20:0{start},2001-07-01 20:0{end}" for start, end in minutes]
    file = write(tmp_path, "\n".join(["start,end", *lines]))
    (row,) = annotations.exclusions(file, ZONES[:1]).to_pylist()
    assert (row["ends"] - row["starts"]).total_seconds() == 9 * 60


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("channel,start\n", "columns missing: end; it has channel, start"),
        ("start,end\n2001-07-01 20:00,soon\n", "line 2: 'soon' is not a time; write times as 2024-03-07 19:00:00"),
        (
            "start,end\n2001-07-01 20:00,2001-07-01 19:00\n",
            "line 2: the end 2001-07-01 19:00:00 is not after the start",
        ),
    ],
)
def test_invalid_intervals_are_named_by_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        annotations.exclusions(write(tmp_path, text), ZONES)


def test_classes_are_text_with_the_key_first(tmp_path: Path) -> None:
    file = write(tmp_path, "genre,programme,since\nnews,News,1999\n")
    (row,) = annotations.classes(file, "programme").to_pylist()
    assert list(row.items()) == [("programme", "News"), ("genre", "news"), ("since", "1999")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("genre\nnews\n", "columns missing: programme; it has genre"),
        ("programme\nNews\n", "programme is its only column"),
        ("programme,hour\nNews,1\n", "the column name hour is reserved"),
        ("programme,genre\nNews,a\nFilm,b\nNews,c\n", "line 4: programme 'News' is repeated"),
    ],
)
def test_invalid_classes(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        annotations.classes(write(tmp_path, text), "programme", taken=["hour"])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.csv: cannot be read as a table"):
        annotations.classes(tmp_path / "nowhere.csv", "programme")


def test_tables_of_spreadsheets_are_read(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(
        "Channel;Date;Start;End\r\nété;13/07/2001;23:55;00:05\r\nété;01/07/2001;20h00;20h05\r\n".encode("cp1252")
    )
    rows = annotations.exclusions(file, [("été", "Europe/Berlin")]).to_pylist()
    assert [(row["starts"].strftime("%d %H:%M"), row["ends"] - row["starts"]) for row in rows] == [
        ("01 18:00", timedelta(minutes=5)),
        ("13 21:55", timedelta(minutes=10)),
    ]


def test_ambiguous_dates_need_an_order(tmp_path: Path) -> None:
    file = write(tmp_path, "start,end\n01/03/2001 20:00,01/03/2001 20:05\n")
    with pytest.raises(UsageError, match=r"line 2: .*1 March 2001 \(day-first\) or 3 January 2001 \(month-first\)"):
        annotations.exclusions(file, ZONES[:1])
    (row,) = annotations.exclusions(file, ZONES[:1], DateOrder.MONTH_FIRST).to_pylist()
    assert row["starts"] == datetime(2001, 1, 3, 19, 0, tzinfo=UTC)


def test_all_invalid_rows_are_listed_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, "channel,start,end\n" + "One,soon,later\n" * 3 + "One,2001-07-01 20:00\n" * 4)
    with pytest.raises(UsageError, match=r"(?s)correct it first:.*'soon'.*\n  … and 2 more$"):
        annotations.exclusions(file, ZONES)
