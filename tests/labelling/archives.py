"""A synthetic archive with ground truth for all faces, for tests of estimates.

The classifier errs more on small faces and at low confidence, and more often on women than on men.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from gfpipe import warehouse
from gfpipe.labelling.design.queues import FRAME, Item, Queue
from gfpipe.recording import Recording
from gfpipe.warehouse import Warehouse
from tests.lake import kept
from tests.warehouse.lakes import EVENING, Face, Show, shard_path, write_labels, write_show

HEIGHTS = {"small": 36.0, "medium": 72.0, "large": 120.0}
_HARD = {"small": 0.35, "medium": 0.20, "large": 0.10}  # share of faces on which it is little better than chance
# The stratum of each face of the archive.
STRATA = """
select recording_id, sample_index, face_index, stratum($keys, channel, month, size, confidence, answer) as stratum
from faces_to_label
"""
Key = tuple[str, int, int]


@dataclass(frozen=True)
class Archive:
    """A lake and its ground truth.

    Attributes:
        lake: folder of the lake.
        truth: female or male, by recording, sample and face.
        shows: the recordings.
    """

    lake: Path
    truth: dict[Key, str]
    shows: tuple[Show, ...]

    def faces(self) -> list[tuple[Key, Face, float]]:
        """All faces, with their durations in seconds."""
        return [
            ((show.recording_id, sample, index), face, seconds)
            for show in self.shows
            for sample, (seconds, faces) in enumerate(show.samples)
            for index, face in enumerate(faces)
        ]

    @property
    def share(self) -> float:
        """True share of women in face time."""
        time = {"female": 0.0, "male": 0.0}
        for key, _, seconds in self.faces():
            time[self.truth[key]] += seconds
        return time["female"] / sum(time.values())

    def rate(self, truth: str, size: str | None = None) -> float:
        """Sensitivity (female) or specificity (male), overall or by size; undecided counts as half an error."""
        faces = [
            (face.p_female, seconds)
            for key, face, seconds in self.faces()
            if self.truth[key] == truth and (size is None or face.height == HEIGHTS[size])
        ]
        right = [
            seconds * (1.0 if (p > 0.5) == (truth == "female") and abs(p - 0.5) >= 0.1 else 0.5 * (abs(p - 0.5) < 0.1))
            for p, seconds in faces
        ]
        return sum(right) / sum(seconds for _, seconds in faces)


class Broadcast(Show):
    """A recording under the id that an analysis gives it: the labelling page refuses others."""

    @property
    def recording_id(self) -> str:
        return Recording("", self.channel, self.programme, self.start).recording_id


def archive(folder: Path, recordings: int = 30, samples: int = 150, similarity: float = 10, seed: int = 0) -> Archive:
    """Build and publish an archive; the higher `similarity`, the less recordings differ in their share of women."""
    rng = np.random.default_rng(seed)
    truth: dict[Key, str] = {}
    shows = []
    for number in range(recordings):
        show = Broadcast(
            channel=("One", "Two", "Two")[number % 3],
            programme="News" if number % 2 else "Talk",
            start=EVENING + timedelta(days=2 * number),
        )
        women = rng.beta(0.4 * similarity, 0.6 * similarity)
        for sample in range(samples):
            faces = []
            for index in range(int(rng.choice([0, 1, 1, 2]))):
                woman = bool(rng.random() < women)
                size = str(rng.choice(list(HEIGHTS), p=[0.3, 0.4, 0.3]))
                truth[(show.recording_id, sample, index)] = "female" if woman else "male"
                faces.append(Face(_probability(woman, _HARD[size], rng), HEIGHTS[size]))
            show.samples.append((float(rng.choice([1.0, 2.0, 4.0])), faces))
        write_show(folder, show)
        _configure(shard_path(folder, "recordings", show))
        shows.append(show)
    warehouse.build(folder)
    return Archive(folder, truth, tuple(shows))


def _configure(shard: Path) -> None:
    """Add the metadata that an analysis writes."""
    metadata = {f"gfpipe.{name}": text for name, text in kept.RUN.metadata.items()}
    pq.write_table(pq.read_table(shard).replace_schema_metadata(metadata), shard)


def _probability(woman: bool, hard: float, rng: np.random.Generator) -> float:
    if rng.random() < hard:
        return float(np.clip(rng.beta(2.4, 2.0) if woman else rng.beta(2.0, 2.6), 0.02, 0.98))
    distance = rng.beta(1, 60)
    is_correct = rng.random() > 0.01
    return float(1 - distance if woman == is_correct else distance)


def answer(
    known: Archive,
    queue: Queue,
    annotator: str = "Ada",
    answer_of: Callable[[Item, str], str] = lambda item, truth: truth,
    items: Sequence[Item] | None = None,
) -> None:
    """Answer a queue as the page does: one row per face, all detected faces of a frame."""
    rows: list[dict[str, Any]] = []
    now = datetime(2024, 1, 1, tzinfo=UTC)
    by_id = {show.recording_id: show for show in known.shows}
    for item in queue.items if items is None else items:
        faces = by_id[item.recording_id].samples[item.sample_index][1]
        indices = range(len(faces)) if item.kind == FRAME else [int(item.face_index or 0)]
        for index in indices:
            truth = known.truth[(item.recording_id, item.sample_index, index)]
            rows.append(
                {
                    "recording_id": item.recording_id,
                    "seconds": item.seconds,
                    **faces[index].box(index),
                    "answer": answer_of(item, truth),
                    "weight": item.weight,
                    "annotator": annotator,
                    "whole_picture": item.kind == FRAME,
                    "queue": queue.name,
                    "position": item.position,
                    "imported_at": now + timedelta(seconds=item.position, milliseconds=index),
                }
            )
    write_labels(known.lake, *rows, name=f"{queue.name}-{annotator}")


def republished(known: Archive) -> Warehouse:
    """Publish the archive with its current labels."""
    warehouse.build(known.lake)
    return warehouse.open(known.lake)
