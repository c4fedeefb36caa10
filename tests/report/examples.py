"""Two archives that never were: one night without intervals, and ten years of ten channels."""

import math
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from gfpipe.report.page import Contents, Facts

SECONDS = (
    "female_face_seconds",
    "male_face_seconds",
    "undecided_face_seconds",
    "female_presence_seconds",
    "male_presence_seconds",
    "undecided_presence_seconds",
    "only_female_seconds",
    "only_male_seconds",
    "both_seconds",
    "only_undecided_seconds",
    "no_face_seconds",
)
WITH_INTERVALS = (
    "share_female_face_time",
    "female_to_male_ratio",
    "share_female_presence_time",
    "share_male_presence_time",
    "share_female_face_time_tracks",
)
CORRECTED = ("share_female_face_time", "share_female_presence_time", "share_male_presence_time")
TOO_FEW_RECORDINGS = "fewer than 5 recordings"
NO_LABELS = "no labels: gfpipe label import"
EVIL = '<script>alert("news")</script> & Söhne’s “late” talk, with a title that does not know when to stop'

Row = dict[str, Any]


def estimates(rows: list[Row]) -> pa.Table:
    """Give rows of `estimate` as a table with every column, also where there are none."""
    names = list(estimate({}, hours=1, share=0.5))
    keys = [name for row in rows[:1] for name in row if name not in names]
    columns = {name: [row.get(name) for row in rows] for name in [*keys, *names]}
    return pa.table(
        {
            name: values if any(v is not None for v in values) else pa.nulls(len(rows), pa.float64())
            for name, values in columns.items()
        }
    )


def estimate(
    keys: Mapping[str, Any],
    *,
    hours: float,
    share: float,
    scheduled: float | None = None,
    half_width: float | None = None,
    corrected: bool = False,
    recordings: int = 10,
) -> Row:
    """Give one row of `estimates` whose numbers agree with one another.

    Args:
        keys: what it is grouped by.
        hours: analysed.
        share: women's, of face time; null where no hours were analysed.
        scheduled: hours; nobody knows where None.
        half_width: of the interval; none where None.
        corrected: whether there are corrected columns.
        recordings: analysed.
    """
    seconds = hours * 3600
    women, men = share * seconds * 1.1, (1 - share) * seconds * 1.1
    both, nobody, unsure = 0.16 * seconds, 0.2 * seconds, 0.02 * seconds
    only_women = share * (seconds - both - nobody - unsure)
    only_men = seconds - both - nobody - unsure - only_women
    row: Row = {
        **keys,
        "recordings": recordings,
        "hours_analysed": hours,
        "hours_scheduled": scheduled,
        "coverage": hours / scheduled if scheduled else None,
        "unknown_length_recordings": 0,
        "analysed_seconds": seconds,
        **dict(
            zip(
                SECONDS,
                (
                    women,
                    men,
                    0.05 * seconds,
                    only_women + both,
                    only_men + both,
                    0.05 * seconds,
                    only_women,
                    only_men,
                    both,
                    unsure,
                    nobody,
                ),
                strict=True,
            )
        ),
        "mean_faces": 1.15 if hours else None,
    }
    values = {
        "share_female_face_time": share,
        "female_to_male_ratio": share / (1 - share),
        "share_female_presence_time": (only_women + both) / seconds if hours else None,
        "share_male_presence_time": (only_men + both) / seconds if hours else None,
        "share_female_face_time_tracks": share + 0.004,
    }
    for name in WITH_INTERVALS:
        value = values[name] if hours else None
        row |= {name: value, **_ends(name, value, half_width)}
    for name in CORRECTED:
        value = values[name] if hours and corrected else None
        value = None if value is None else value + 0.011
        row |= {f"{name}_corrected": value, **_ends(f"{name}_corrected", value, half_width and half_width * 1.3)}
    return row | {
        "share_undecided_face_time": 0.05 / 1.15 if hours else None,
        **{
            f"share_{kind}_time": row[f"{kind}_seconds"] / seconds if hours else None
            for kind in ("only_female", "only_male", "both", "only_undecided", "no_face")
        },
        "interval_note": TOO_FEW_RECORDINGS if half_width is None else None,
        "correction_note": None if corrected else NO_LABELS,
        "hours_excluded": 0.0,
    }


def small() -> Contents:
    """One night of two channels, one of which failed halfway; no labels, no intervals."""
    night = date(2024, 3, 7)
    channels = [
        estimate({"channel": "north"}, hours=1.5, scheduled=1.5, share=0.557, recordings=2),
        estimate({"channel": "south & sons"}, hours=0.61, scheduled=1.0, share=0.361, recordings=1),
    ]
    return Contents(
        headline=estimate({}, hours=2.11, scheduled=2.5, share=0.5, recordings=3),
        unit="month",
        series=estimates([estimate({"month": "2024-03", "channel": None}, hours=2.11, scheduled=2.5, share=0.5)]),
        channels=estimates(channels),
        programmes=estimates(
            [
                estimate({"channel": "north", "programme": "evening news"}, hours=1.0, scheduled=1.0, share=0.457),
                estimate({"channel": "north", "programme": EVIL}, hours=0.5, scheduled=0.5, share=0.857),
                estimate({"channel": "south & sons", "programme": None}, hours=0.61, scheduled=1.0, share=0.361),
            ]
        ),
        weekday_hours=estimates(
            [
                estimate({"weekday": 4, "hour": hour}, hours=hours, scheduled=1.0, share=share)
                for hour, hours, share in ((19, 1.0, 0.46), (20, 0.61, 0.361), (21, 0.5, 0.857), (22, 0.0, 0.0))
            ]
        ),
        coverage=pa.table(
            {
                "channel": ["north", "south & sons"],
                "air_date": [night, night],
                "recordings": [2, 2],
                "scheduled_seconds": [5400.0, 3600.0],
                "analysed_seconds": [5400.0, 2196.0],
                "reasons": [None, "the file is damaged or cut short there"],
            }
        ),
        missing=missing(),
        sensitivity=pa.table(
            {
                "variant": ["as published", "every 2nd sample", "over tracks"],
                "share": [0.5, 0.512, None],
                "difference": [0.0, 1.2, None],
            }
        ),
        recall=pa.table({"channel": pa.array([], pa.string())}),
        confusion=pa.table({name: pa.array([], kind) for name, kind in CONFUSION}),
        facts=Facts(
            lake="lake",
            period=(night, night),
            models=("cydral-gender-v1",),
            detector="retinaface-mobilenet0.25",
            samplings=(("keyframes", 1.0),),
            generated_at=datetime(2024, 3, 8, 6, 30, tzinfo=UTC),
        ),
    )


def missing(*rows: Row, of_kind: int = 1, hours_of_kind: float = 1.0) -> pa.Table:
    """Recordings that failed, are missing or of unknown length; each row names what differs from a film of an hour."""
    usual = {"channel": "north", "programme": "film", "air_date": date(2024, 3, 7), "path": "/archive/film.ts"}
    usual |= {"status": "failed", "hours_missing": 1.0, "of_kind": of_kind, "hours_of_kind": hours_of_kind}
    return pa.Table.from_pylist([usual | row for row in rows] or [usual]).slice(0, len(rows))


CONFUSION = (
    ("channel", pa.string()),
    ("size", pa.string()),
    ("answer", pa.string()),
    ("perceived_gender", pa.string()),
    ("faces", pa.int64()),
)


def large(channels: int = 10, months: int = 120, programmes: int = 2000) -> Contents:
    """Ten years of ten channels, with gaps, labels, intervals, and a night that nobody analysed."""
    chance = random.Random(3)
    names = [
        f"channel {at + 1}" if at else "Österreich Zwei (regional programme of the west)" for at in range(channels)
    ]
    level = {name: 0.27 + 0.014 * at for at, name in enumerate(names)}
    labels = [f"{2014 + at // 12}-{at % 12 + 1:02d}" for at in range(months)]
    by_month = [_month(chance, None, at, label, 0.3, 0.006) for at, label in enumerate(labels)]
    by_channel_month = [
        _month(chance, name, at, label, level[name], 0.018)
        for name in names
        for at, label in enumerate(labels)
        if not (name == "channel 4" and 40 <= at < 52)
    ]
    return Contents(
        headline=estimate(
            {}, hours=803_211.4, scheduled=871_200, share=0.3153, half_width=0.0041, corrected=True, recordings=871_204
        ),
        unit="month",
        series=estimates([row for row in by_month if row["month"] != "2017-05"] + by_channel_month),
        channels=estimates(
            [
                estimate(
                    {"channel": name},
                    hours=80_000 + 100 * at,
                    scheduled=87_120,
                    share=level[name],
                    half_width=0.011,
                    corrected=True,
                )
                for at, name in enumerate(names)
            ]
        ),
        programmes=estimates(
            [
                estimate(
                    {"channel": chance.choice(names), "programme": f"Programme {at} of the {chance.choice(names)}"},
                    hours=4000 * chance.random() ** 3,
                    scheduled=4000,
                    share=chance.uniform(0.1, 0.6),
                    half_width=chance.uniform(0.01, 0.1),
                    corrected=at % 7 != 0,
                )
                for at in range(programmes)
            ]
        ),
        weekday_hours=estimates(
            [
                estimate(
                    {"weekday": weekday, "hour": hour},
                    hours=4000.0 if hour != 3 else 0.0,
                    scheduled=5000,
                    share=0.3 + 0.1 * math.sin(hour / 4) + 0.02 * (weekday > 5),
                    half_width=0.13 if hour == 4 else 0.02,
                    corrected=True,
                )
                for weekday in range(1, 8)
                for hour in range(24)
                if not (weekday == 7 and 1 <= hour < 5)
            ]
        ),
        coverage=_coverage(names, date(2014, 1, 1), 30.44 * months),
        missing=missing(),
        sensitivity=_sensitivity(),
        recall=_recall(names),
        confusion=_confusion(names),
        facts=Facts(
            lake="/mnt/archive/lake",
            period=(date(2014, 1, 1), date(2014, 1, 1) + timedelta(30.44 * months)),
            models=("cydral-gender-v1", "broadcast-2020"),
            detector="retinaface-resnet50",
            samplings=(("keyframes", 1.0),),
            min_face=24,
            undecided=(0.4, 0.6),
            exclusions=("commercials.csv", "foreign films.csv"),
            versions={"gfpipe": "0.1.0", "DuckDB": "2.0.0"},
            generated_at=datetime(2024, 1, 2, 6, 30, tzinfo=UTC),
        ),
    )


def _ends(name: str, value: float | None, half_width: float | None) -> Row:
    if value is None or half_width is None:
        return {f"{name}_low": None, f"{name}_high": None}
    return {f"{name}_low": max(0.0, value - half_width), f"{name}_high": value + half_width}


def _month(chance: random.Random, channel: str | None, at: int, month: str, level: float, half_width: float) -> Row:
    covered = 0.55 if 70 <= at < 74 else 0.9 + 0.1 * chance.random()
    scheduled = 7260.0 if channel is None else 726.0
    share = level + 0.0006 * at + chance.gauss(0, half_width / 2)
    return estimate(
        {"channel": channel, "month": month},
        hours=scheduled * covered,
        scheduled=scheduled,
        share=share,
        half_width=half_width,
        corrected=True,
    )


def _coverage(names: list[str], first: date, days: float) -> pa.Table:
    rows = [row for name in names for row in _days(name, first, int(days))]
    return pa.Table.from_pylist([*rows, {"channel": None, "air_date": None, "recordings": 2}])


def _days(name: str, first: date, days: int) -> Iterator[Row]:
    for at in range(days):
        if name == "channel 4" and 1217 <= at < 1582:
            continue  # nothing known of a year
        analysed = 86_000.0
        if name == "channel 6" and 2000 <= at < 2070:
            analysed = 0.0
        if name == "channel 7" and at % 400 < 120:
            analysed = 60_000.0
        scheduled = 20_000.0 if name == "channel 9" and at > 3000 else 86_400.0
        yield {
            "channel": name,
            "air_date": first + timedelta(at),
            "recordings": 24,
            "scheduled_seconds": scheduled,
            "analysed_seconds": min(analysed, scheduled),
        }


def _sensitivity() -> pa.Table:
    shares = {
        "as published": 0.3153,
        "every 2nd sample": 0.3151,
        "every 5th sample": 0.3162,
        "faces from 36 lines": 0.3121,
        "faces from 48 lines": 0.3098,
        "all faces found": 0.3204,
        "undecided: none": 0.3171,
        "undecided: 0.3-0.7": 0.3129,
        "over tracks": 0.3193,
        "without exclusions": 0.3302,
    }
    return pa.table(
        {
            "variant": list(shares),
            "share": list(shares.values()),
            "difference": [100 * (share - 0.3153) for share in shares.values()],
        }
    )


def _recall(names: list[str]) -> pa.Table:
    looked_at = [
        {
            "channel": name,
            "faces": 212 if name != "all" else 212 * len(names),
            "recall_female": 0.912,
            "recall_male": 0.941,
            "share_female_face_time": 0.3153,
            "share_recall_corrected": 0.3221,
            "reason": None,
        }
        for name in ("all", *names[1:])
    ]
    return pa.Table.from_pylist(
        [*looked_at, {"channel": names[0], "faces": 0, "reason": "no picture was marked whole"}]
    )


def _confusion(names: list[str]) -> pa.Table:
    counts = {
        ("female", "female"): 93,
        ("female", "male"): 5,
        ("female", "undecided"): 2,
        ("female", None): 3,
        ("male", "male"): 190,
        ("male", "female"): 4,
        ("male", "undecided"): 3,
        ("male", None): 5,
        ("undecided", "undecided"): 4,
        ("undecided", "female"): 2,
        ("undecided", "male"): 2,
        ("no_face", "male"): 2,
        ("no_face", "undecided"): 1,
    }
    return pa.Table.from_pylist(
        [
            {"channel": name, "size": size, "answer": answer, "perceived_gender": seen, "faces": count * weight}
            for name in names
            for size, weight in (("large", 3), ("medium", 2), ("small", 1))
            for (answer, seen), count in counts.items()
        ]
    )
