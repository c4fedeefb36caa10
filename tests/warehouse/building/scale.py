"""Simulated large lakes, to see how publishing grows: ``python -m tests.warehouse.building.scale LAKE``.

Shots of a few seconds, some with faces, each face a track: one large shard for each channel, month and table.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.lake import schema
from gfpipe.recording import Recording

Columns = dict[str, Any]

SECONDS: Final = 3600  # of a recording; a sample stands for one of them
LABELS: Final = 2000
_MEAN_FACES: Final = 1.0
_FACES_OF_A_SHOT: Final = (0.3, 0.5, 0.13, 0.05, 0.02)
_PICTURE: Final = (720, 576)
_COUNTED: Final = 24.0
_PROGRAMMES: Final = ("news", "magazine", "film", "talk", "sport")
_KEY: Final = {"config_digest": "0123456789abcdef"}


@dataclass(frozen=True)
class Month:
    """What one channel showed in one month.

    Attributes:
        channel: its name.
        first: when the month begins.
        share: how many of its faces are women's.
        recordings: one an hour, the last one missing.
    """

    channel: str
    first: datetime
    share: float
    recordings: tuple[Recording, ...]


def write(lake: Path, faces: int, channels: int = 10, months: int = 12, labels: int = LABELS) -> None:
    """Write a lake of about so many faces; the same ones each time."""
    each = max(1, round(faces / (channels * months * SECONDS * _MEAN_FACES)))
    rng = np.random.default_rng(3)
    answers: list[Columns] = []
    for month in _months(channels, months, each):
        tables, marked = _rows(month, rng, labels / (channels * months))
        for name, columns in tables.items():
            _write(lake / name / "v1" / f"channel={month.channel}" / f"month={month.first:%Y-%m}", name, columns)
        answers.append(marked)
    _write(lake / "labels" / "v1", "labels", {name: np.concatenate([a[name] for a in answers]) for name in answers[0]})


def write_night(lake: Path, channels: int = 10, hours: int = 24) -> None:
    """Add the day after the months of :func:`write`: recordings of an hour, each with its own shards."""
    rng = np.random.default_rng(4)
    first = datetime(2002, 1, 1, tzinfo=UTC)
    for channel in range(channels):
        name = f"channel-{channel:02}"
        shows = _shows(name, first, hours)
        _write(lake / "schedule" / "v1" / f"channel={name}", "schedule", _schedule(shows), "night")
        for show in shows:
            tables, _ = _rows(Month(name, first, 0.3, (show, show)), rng, 0)
            for table in ("samples", "faces", "attributes", "recordings"):
                folder = lake / table / "v1" / f"channel={name}" / f"month={first:%Y-%m}"
                _write(folder, table, tables[table], show.recording_id)


def _months(channels: int, months: int, recordings: int) -> Iterator[Month]:
    for channel in range(channels):
        for index in range(months):
            first = datetime(2001 + index // 12, index % 12 + 1, 1, tzinfo=UTC)
            name = f"channel-{channel:02}"
            shows = _shows(name, first, recordings + 1)
            yield Month(name, first, 0.3 + 0.02 * channel + 0.005 * index, shows)


def _shows(channel: str, first: datetime, recordings: int) -> tuple[Recording, ...]:
    """One recording an hour."""
    return tuple(
        Recording(
            path=f"/archive/{channel}/{first:%Y-%m}/{hour:03}.ts",
            channel=channel,
            programme=_PROGRAMMES[hour % len(_PROGRAMMES)],
            start=(first + timedelta(hours=hour)).astimezone(ZoneInfo("Europe/Paris")),
            scheduled_seconds=float(SECONDS),
        )
        for hour in range(recordings)
    )


def _rows(month: Month, rng: np.random.Generator, labels: float) -> tuple[Mapping[str, Columns], Columns]:
    """The rows of a month's tables, and labels of some of its pictures."""
    analysed = month.recordings[:-1]
    samples = len(analysed) * SECONDS
    second = np.tile(np.arange(SECONDS), len(analysed))
    shot = np.cumsum((rng.random(samples) < 0.2) | (second == 0)) - 1
    in_shot = rng.choice(len(_FACES_OF_A_SHOT), shot[-1] + 1, p=_FACES_OF_A_SHOT)
    face_count = in_shot[shot]
    sample = np.repeat(np.arange(samples), face_count)  # of each face
    face = np.arange(len(sample)) - np.repeat(np.cumsum(face_count) - face_count, face_count)
    track = (np.cumsum(in_shot) - in_shot)[shot[sample]] + face
    recording = sample // SECONDS
    woman = rng.random(track[-1] + 1) < month.share
    height = np.exp(rng.normal(4.1, 0.6, len(woman))).clip(10, 300)[track].astype(np.float32)
    reading = np.where(woman, 1.0, -1.0) * 2.5 + rng.normal(0, 1.5, len(woman))
    p_female = 1 / (1 + np.exp(-(reading[track] + rng.normal(0, 1, len(track)))))
    boxes = _boxes(face, height)
    ids = np.array([show.recording_id for show in analysed])
    of_sample = _KEY | {"recording_id": _repeated(ids, np.repeat(np.arange(len(ids)), SECONDS))}
    of_face = _KEY | {"recording_id": _repeated(ids, recording), "sample_index": sample % SECONDS, "face_index": face}
    start = np.array([show.start.astimezone(UTC).replace(tzinfo=None) for show in analysed], "datetime64[us]")
    tables = {
        "samples": of_sample
        | {
            "sample_index": second,
            "seconds": second.astype(float),
            "step_seconds": np.ones(samples),
            "aired_at": np.repeat(start, SECONDS) + second.astype("timedelta64[s]"),
            "shot": shot,
            "face_count": face_count,
        },
        "faces": of_face
        | boxes
        | {
            "landmarks": np.zeros((len(face), 10), np.float32),
            "detector_score": np.full(len(face), 0.99, np.float32),
            "height_360": height,
            "track_id": track,
        },
        "attributes": of_face | {"model_id": "model", "p_female": p_female.astype(np.float32)},
        "recordings": _recordings(analysed, np.bincount(recording, minlength=len(analysed))),
        "schedule": _schedule(month.recordings),
    }
    marked = _labels(rng, labels, of_face["recording_id"], sample, height, woman[track], boxes)
    return tables, marked


def _boxes(face: NDArray[np.int64], height: NDArray[np.float32]) -> Columns:
    """Faces beside one another, at the bottom of the picture; pixels of the source frame."""
    x1, y2 = (face * 140.0).astype(np.float32), np.float32(_PICTURE[1])
    pixels = height * _PICTURE[1] / 360
    return {"x1": x1, "y1": y2 - pixels, "x2": x1 + pixels * np.float32(0.75), "y2": np.full(len(face), y2)}


def _labels(
    rng: np.random.Generator,
    wanted: float,
    recording_id: pa.Array,
    sample: NDArray[np.int64],
    height: NDArray[np.float32],
    woman: NDArray[np.bool_],
    boxes: Columns,
) -> Columns:
    """People look at some pictures, mark every face that counts, and one in ten that was not found."""
    counted = height >= _COUNTED
    pictures = np.unique(sample[counted])
    chosen = rng.choice(pictures, max(1, round(wanted * len(pictures) / counted.sum())), replace=False)
    (faces,) = np.nonzero(np.isin(sample, chosen) & counted)
    missed = rng.random(len(faces)) < 0.1
    above = np.where(missed, np.float32(1000.0), np.float32(0))
    return {
        "recording_id": np.array(recording_id.take(pa.array(faces)).to_pylist()),
        "seconds": sample[faces] % SECONDS + 0.5,
        **{name: box[faces] - above * name.startswith("y") for name, box in boxes.items()},
        "answer": np.where(woman[faces], "female", "male"),
        "weight": np.full(len(faces), len(pictures) / len(chosen)),
        "annotator": np.full(len(faces), "somebody"),
        "whole_picture": np.ones(len(faces), bool),
        "imported_at": np.full(len(faces), np.datetime64("2024-01-01", "us")),
    }


def _recordings(shows: tuple[Recording, ...], faces: NDArray[np.int64]) -> Columns:
    return (
        _schedule(shows)
        | dict.fromkeys((f"{step}_seconds" for step in ("decode", "detect", "chips", "classify", "write")), 0.0)
        | _KEY
        | {
            "status": "done",
            "duration_seconds": float(SECONDS),
            "analysed_seconds": float(SECONDS),
            "lost_seconds": 0.0,
            "width": _PICTURE[0],
            "height": _PICTURE[1],
            "frame_seconds": 0.04,
            "sample_count": SECONDS,
            "face_count": faces,
            "sampling": "exact",
            "every_seconds": 1.0,
            "min_score": 0.5,
            "detector_id": "detector",
            "classifier_id": "model",
            "analysed_at": datetime(2024, 1, 1, tzinfo=UTC),
            "gfpipe_version": "0",
        }
    )


def _schedule(shows: tuple[Recording, ...]) -> Columns:
    rows = [schema.recording_columns(show) for show in shows]
    return (
        {name: [row[name] for row in rows] for name in rows[0]}
        | {"recording_id": [show.recording_id for show in shows]}
        | {"seen_at": datetime(2024, 1, 1, tzinfo=UTC)}
    )


def _repeated(names: NDArray[Any], index: NDArray[np.int64]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(index, pa.int32()), pa.array(names.tolist()))


def _write(folder: Path, table: str, columns: Columns, name: str = "part-0") -> None:
    """Write one shard; what is one value stands in every row, what is not given is null."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = max(len(value) for value in columns.values() if hasattr(value, "__len__") and not isinstance(value, str))
    arrays = [_array(columns.get(field.name), field, rows) for field in schema.TABLES[table]]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema.TABLES[table]), folder / f"{name}.parquet")


def _array(values: Any, field: pa.Field, rows: int) -> pa.Array:
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    if isinstance(values, (np.ndarray, list, pa.Array)):
        return (values if isinstance(values, pa.Array) else pa.array(values)).cast(field.type)
    return pa.repeat(pa.scalar(values, field.type), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--faces", type=int, default=20_000_000)
    given = parser.parse_args()
    write(given.lake, given.faces)
