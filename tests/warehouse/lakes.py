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
    """One face: what the classifier says, and whether it is large enough to count."""

    p_female: float
    small: bool = False


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
                box = {"x1": 0.0, "y1": 0.0, "x2": 9.0, "y2": 9.0, "landmarks": [1.0] * 10, "detector_score": 0.9}
                size = {"height_360": 12.0 if face.small else 60.0, "below_min_face": face.small}
                faces.append(at | {"face_index": number} | box | size)
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
                "frame_seconds": 0.04,
                "sample_count": samples,
                "face_count": faces,
                "sampling": "keyframes",
                "every_seconds": 1.0,
                "min_face": 24.0,
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
    return lake / table / "v1" / f"channel={channel}" / f"month={month}" / f"{show.recording_id}.parquet"


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


def failed(show: Show, reason: str = "not a video") -> Show:
    """Turn a recording without samples into one that could not be analysed."""
    show.changes |= {"status": "failed", "reason": reason, "duration_seconds": None}
    return show
