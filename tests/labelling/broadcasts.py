"""A lake of real footage, and label queues of its faces and frames."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray

from gfpipe.faces.boxes import CORNERS
from gfpipe.labelling.design import queues
from gfpipe.labelling.design.queues import Item, Queue
from gfpipe.models import champion
from gfpipe.recording import Recording
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import analyse
from gfpipe.video.encode import write_video
from tests.pipeline.archives import FPS, man, nobody

SCRIPT = "<script>alert(1)</script>"
NOON = datetime(2024, 3, 7, 12, 0, tzinfo=UTC)
NAME = "look"


def two_men(seconds: float) -> Iterator[NDArray[np.uint8]]:
    """The man in the car beside his mirror image: (144, 352, 3)."""
    return (np.hstack([frame, frame[:, ::-1]]) for frame in man(seconds))


def lake_of_broadcasts(folder: Path) -> str:
    """Analyse six seconds of a man, four of two men, two without faces."""
    shows = {SCRIPT: (man(6), ".mp4"), "two men": (two_men(4), ".ts"), "nobody": (nobody(2), ".mp4")}
    for index, (programme, (frames, ending)) in enumerate(shows.items()):
        path = folder / f"recording{index}{ending}"
        codec = "libx264" if ending == ".mp4" else "mpeg2video"
        write_video(path, frames, FPS, codec=codec, start_seconds=0 if ending == ".mp4" else 3600.0)  # type: ignore[arg-type]
        recording = Recording(str(path), "south", programme, NOON.replace(hour=12 + index))
        analyse.run(recording, str(folder / "lake"), Analysis(classifier=champion.FIRST))
    return str(folder / "lake")


def rows(lake: str, table: str) -> list[dict[str, Any]]:
    """The rows of a table."""
    table_rows: list[dict[str, Any]] = ds.dataset(f"{lake}/{table}/v1", format="parquet").to_table().to_pylist()
    return table_rows


def items(lake: str, kind: str) -> list[Item]:
    """All faces, or all frames, of a lake; with position 0."""
    recordings = {row["recording_id"]: row for row in rows(lake, "recordings")}
    samples = {(row["recording_id"], row["sample_index"]): row for row in rows(lake, "samples")}
    units = rows(lake, "faces") if kind == queues.FACE else [*samples.values()]
    order = sorted(units, key=lambda row: (recordings[row["recording_id"]]["started_at"], row["sample_index"]))
    return [_item(kind, row, recordings[row["recording_id"]], samples) for row in order]


def _item(kind: str, row: dict[str, Any], recording: dict[str, Any], samples: dict[Any, dict[str, Any]]) -> Item:
    names = ("recording_id", "path", "channel", "programme", "started_at")
    metadata: dict[str, Any] = {name: recording[name] for name in names}
    box: dict[str, Any] = {corner: row.get(corner) for corner in CORNERS}
    return Item(
        position=0,
        kind=kind,
        **metadata,
        sample_index=row["sample_index"],
        seconds=samples[row["recording_id"], row["sample_index"]]["seconds"],
        face_index=row.get("face_index"),
        **box,
        config_digest=row["config_digest"],
        stratum="confident women",
        inclusion_probability=0.04,
        weight=25.0,
        is_repeat=False,
    )


def queue(lake: str, *unplaced: Item, name: str = NAME) -> Queue:
    """Store a queue of these items, in this order."""
    placed = tuple(replace(item, position=index) for index, item in enumerate(unplaced))
    label_queue = Queue(name, placed, 1, datetime.now(UTC))
    queues.write(lake, label_queue, replace=True)
    return label_queue


def mixed(lake: str) -> Queue:
    """Two faces, a frame with two faces, an empty frame, and the first face again."""
    faces, frames = items(lake, queues.FACE), items(lake, queues.FRAME)
    pair = next(frame for frame in frames if frame.programme == "two men")
    empty = next(frame for frame in frames if frame.programme == "nobody")
    return queue(lake, *faces[:2], pair, empty, replace(faces[0], is_repeat=True))
