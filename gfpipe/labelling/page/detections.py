"""Detections, classifier output and recording file of the frame that a queue item refers to, read from the lake."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from gfpipe.choices import Sampling
from gfpipe.counting import Counting
from gfpipe.errors import LakeError
from gfpipe.faces.boxes import SAME_FACE_IOU, Box, iou
from gfpipe.labelling.design.queues import Item
from gfpipe.lake import shards
from gfpipe.lake.provenance import IMPORTED
from gfpipe.lake.shards import Stored
from gfpipe.recording import REFERENCE_LINES, Recording, Status, in_zone
from gfpipe.video.moment import Moment

_COUNTING: Final = Counting()
_TOLERANCE: Final = 1e-6  # seconds; rounding of stored times


@dataclass(frozen=True)
class Detection:
    """A detected face: its number in the sample, box in pixels of the source frame, and whether it is counted.

    `p_female` is None if the recording's classifier did not classify it.
    """

    index: int
    box: Box
    counts: bool
    p_female: float | None


@dataclass(frozen=True)
class Frame:
    """The detections in a frame, by index; its width and height, and the minimum height of counted faces, in pixels."""

    faces: tuple[Detection, ...]
    size: tuple[int, int]
    min_height: float


class Detections:
    """Reads shards of a lake on demand and caches the most recent ones; thread-safe.

    All methods raise LakeError if the recording is not in the lake any more, or the lake cannot be read.
    """

    def __init__(self, lake: str) -> None:
        self._lake = lake
        self._stored = lru_cache(1024)(partial(shards.stored, lake))
        self._tables = lru_cache(16)(self._read_tables)

    def aired_at(self, item: Item) -> datetime:
        """Return the broadcast time of the frame: local time where the lake knows the time zone, else UTC."""
        stored = self._stored(_recording(item))
        start = in_zone(item.started_at, stored.row["timezone"]) if stored else item.started_at
        return start + timedelta(seconds=item.seconds)

    def file(self, item: Item) -> tuple[str, str | None]:
        """Return path and fingerprint of the file that was analysed."""
        row = self._analysis(_recording(item)).row
        return row["path"], row["source_fingerprint"]

    def size(self, item: Item) -> tuple[int, int]:
        """Return width and height of the recording's frames."""
        row = self._analysis(_recording(item)).row
        return row["width"], row["height"]

    def moment(self, item: Item) -> Moment:
        """Return the position of the frame in the recording, for decoding."""
        stored = self._analysis(_recording(item))
        if stored.provenance.sampling == IMPORTED:
            raise LakeError(
                f"{stored.recording.path}: its faces were imported; only faces that gfpipe detected can be labelled"
            )
        seconds, _ = self._sample(item)
        length = stored.row["analysed_seconds"] + stored.row["lost_seconds"]
        how = stored.provenance
        return Moment(seconds, Sampling(how.sampling), how.every_seconds, length, how.programme)

    def frame(self, item: Item) -> Frame:
        """Return the detections in the frame, by the current analysis."""
        row = self._analysis(_recording(item)).row
        _, sample = self._sample(item)
        _, faces, attributes = self._tables(_recording(item))
        p_female = {
            answer["face_index"]: answer["p_female"]
            for answer in attributes.filter(pc.field("sample_index") == sample).to_pylist()
            if answer["model_id"] == row["classifier_id"]
        }
        # Less certain detections count as missed, as in the figures; scores of imported faces are on other scales.
        is_detected = pc.scalar(row["sampling"] == IMPORTED) | (
            pc.field("detector_score") >= np.float32(_COUNTING.min_score)
        )
        detected = faces.filter((pc.field("sample_index") == sample) & is_detected)
        return Frame(
            faces=tuple(
                Detection(
                    index=face["face_index"],
                    box=(face["x1"], face["y1"], face["x2"], face["y2"]),
                    counts=face["height_360"] >= _COUNTING.min_face,
                    p_female=p_female.get(face["face_index"]),
                )
                for face in detected.sort_by("face_index").to_pylist()
            ),
            size=(row["width"], row["height"]),
            min_height=_COUNTING.min_face * row["height"] / REFERENCE_LINES,
        )

    def p_female(self, item: Item) -> float | None:
        """Return the classifier's output for the face of an item; None if it did not classify it."""
        box = item.box
        if box is None:
            return None
        faces = self.frame(item).faces
        overlaps = iou(box, [face.box for face in faces])[0]
        return faces[overlaps.argmax()].p_female if overlaps.max(initial=0) >= SAME_FACE_IOU else None

    def _analysis(self, recording: Recording) -> Stored:
        stored = self._stored(recording)
        if stored is None or stored.row["status"] == Status.FAILED:
            raise LakeError(f"{recording.path}: no analysis of this recording is in {self._lake} any more")
        return stored

    def _sample(self, item: Item) -> tuple[float, int]:
        """Return start and index of the sample that covers the item's time in the current analysis."""
        samples, _, _ = self._tables(_recording(item))
        stop = pc.add(samples["seconds"], samples["step_seconds"])
        time = item.seconds + _TOLERANCE
        rows = samples.filter(pc.and_(pc.less_equal(samples["seconds"], time), pc.greater(stop, time))).to_pylist()
        if not rows:
            raise LakeError(f"{item.path}: {item.seconds:.3f} s is not among the analysed samples")
        return rows[-1]["seconds"], rows[-1]["sample_index"]

    def _read_tables(self, recording: Recording) -> tuple[Any, Any, Any]:
        """Return the samples, faces and attributes of an analysed recording."""
        stored = self._analysis(recording)
        samples, faces, attributes = (
            shards.rows(self._lake, stored, name) for name in ("samples", "faces", "attributes")
        )
        if (len(samples), len(faces)) != (stored.row["sample_count"], stored.row["face_count"]):
            self._stored.cache_clear()
            raise LakeError(f"{recording.path}: was re-analysed just now; try again")
        return samples, faces, attributes


def _recording(item: Item) -> Recording:
    return Recording(item.path, item.channel, item.programme, item.started_at)
