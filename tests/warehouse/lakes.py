"""Small lakes made by hand: real Parquet in the lake's own layout, with figures that can be added up on paper."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.lake import schema

EVENING = datetime(2001, 3, 4, 20, 0, tzinfo=UTC)
NIGHT = datetime(2001, 3, 5, 3, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Face:
    """A face: p_female, height in lines (24 and more count), track, and detector score (0.9 and more count)."""

    p_female: float
    height: float = 60.0
    track: int | None = None
    score: float = 0.9

    def box(self, place: int) -> dict[str, Any]:
        """Faces stand side by side: a square in a picture of 360 lines."""
        return {"x1": 100.0 * place, "y1": 0.0, "x2": 100.0 * place + self.height, "y2": self.height}


@dataclass
class Show:
    """One recording: for each sample the seconds that it stands for, and its faces."""

    channel: str = "One"
    programme: str = "News"
    start: datetime = EVENING
    samples: list[tuple[float, list[Face]]] = field(default_factory=list)
    digest: str = "d1"
    analysed_at: datetime = NIGHT
    changes: dict[str, Any] = field(default_factory=dict)  # of the recordings row
    models: tuple[str, ...] = ("model-a",)

    @property
    def recording_id(self) -> str:
        return f"{self.channel}-{self.start:%Y%m%dT%H%M}-{self.programme}".lower().replace("/", "_")

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        key = {"recording_id": self.recording_id, "config_digest": self.digest}
        samples, faces, attributes, seconds = [], [], [], 0.0
        for index, (step, found) in enumerate(self.samples):
            at = key | {"sample_index": index}
            samples.append(
                at
                | {
                    "seconds": seconds,
                    "step_seconds": step,
                    "aired_at": self.start + timedelta(seconds=seconds),
                    "face_count": len(found),
                }
            )
            for number, face in enumerate(found):
                box = face.box(number) | {"landmarks": [1.0] * 10, "detector_score": face.score, "track_id": face.track}
                faces.append(at | {"face_index": number, "height_360": face.height} | box)
                for place, model in enumerate(self.models):
                    p_female = face.p_female if place == 0 else 1 - face.p_female
                    attributes.append(at | {"face_index": number, "model_id": model, "p_female": p_female})
            seconds += step
        return {
            "recordings": [self._row(key, seconds, len(samples), len(faces))],
            "samples": samples,
            "faces": faces,
            "attributes": attributes,
        }

    def _row(self, key: dict[str, str], seconds: float, samples: int, faces: int) -> dict[str, Any]:
        steps = ("decode", "detect", "chips", "classify", "write")
        return (
            key
            | {
                "path": f"/archive/{self.channel}/{self.programme}.ts",
                "channel": self.channel,
                "programme": self.programme,
                "started_at": self.start,
                "timezone": "UTC",
                "status": "done",
                "duration_seconds": seconds,
                "analysed_seconds": seconds,
                "lost_seconds": 0.0,
                "width": 640,
                "height": 360,
                "frame_seconds": 0.04,
                "sample_count": samples,
                "face_count": faces,
                "sampling": "keyframes",
                "every_seconds": 1.0,
                "min_score": 0.5,
                "detector_id": "detector",
                "classifier_id": "model-a",
                "analysed_at": self.analysed_at,
                "gfpipe_version": "0",
            }
            | {f"{step}_seconds": 0.0 for step in steps}
            | self.changes
        )


def shard_path(lake: Path, table: str, show: Show) -> Path:
    """Where the shard of one recording belongs."""
    channel = quote(show.channel, safe="")
    month = f"{show.start:%Y-%m}"
    folder = lake / table / "v1" if table == "recordings" else lake / table / "v1" / f"channel={channel}"
    return folder / f"month={month}" / f"{show.recording_id}.parquet"


def write_shard(path: Path, table: str, rows: list[dict[str, Any]]) -> None:
    """Write one Parquet file with exactly the lake's columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema.TABLES[table]), path)


def write_show(lake: Path, show: Show, *tables: str, **changed: list[dict[str, Any]]) -> None:
    """Write the shards of one recording: all four, or only `tables`; `changed` replaces the rows of a table."""
    for table, rows in (show.rows() | changed).items():
        if not tables or table in tables:
            write_shard(shard_path(lake, table, show), table, rows)


def write_schedule(lake: Path, *rows: dict[str, Any], name: str = "archive") -> None:
    """Write a schedule; each row names what differs from an ordinary one."""
    usual: dict[str, Any] = {"path": "/archive/x.ts", "channel": "One", "programme": "News", "timezone": "UTC"}
    usual |= {"started_at": EVENING, "seen_at": NIGHT}
    write_shard(lake / "schedule" / "v1" / f"{name}.parquet", "schedule", [usual | row for row in rows])


def write_labels(lake: Path, *rows: dict[str, Any], name: str = "labels") -> None:
    """Write labels; each row names what differs from an ordinary one: a woman's face, the first one of its picture."""
    usual: dict[str, Any] = {"seconds": 0.0, "answer": "female", "weight": 1.0, "annotator": "Ada"}
    usual |= {"whole_picture": False, "imported_at": NIGHT} | Face(1.0).box(0)
    write_shard(lake / "labels" / "v1" / f"{name}.parquet", "labels", [usual | row for row in rows])


def write_speech(lake: Path, show: Show, *segments: tuple[str, float, float]) -> None:
    """Write what was heard in a recording: label, start and stop in seconds."""
    rows = [
        {
            "recording_id": show.recording_id,
            "label": label,
            "start_seconds": start,
            "stop_seconds": stop,
            "imported_at": NIGHT,
        }
        for label, start, stop in segments
    ]
    write_shard(lake / "speech" / "v1" / f"{show.recording_id}.parquet", "speech", rows)


def failed(show: Show, reason: str = "not a video") -> Show:
    """Turn a recording without samples into one that could not be analysed."""
    show.changes |= {"status": "failed", "reason": reason, "duration_seconds": None}
    return show
