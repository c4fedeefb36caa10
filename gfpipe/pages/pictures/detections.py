"""Detections, classifier output and recording file of a frame, read from the shards of its recording."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from gfpipe.base import regular
from gfpipe.base.files import on_disk
from gfpipe.choices import Sampling
from gfpipe.counting import Counting
from gfpipe.errors import RecordingError
from gfpipe.faces.boxes import SAME_FACE_IOU, Box, iou
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

    `height` is in lines of a picture of 360 lines. `p_female` is None if the recording's classifier did not classify
    it, `track` if it has none.
    """

    index: int
    box: Box
    counts: bool
    p_female: float | None
    score: float
    height: float
    track: int | None


@dataclass(frozen=True)
class Frame:
    """The detections in a frame, by index; its width and height, and the minimum height of counted faces, in pixels."""

    faces: tuple[Detection, ...]
    size: tuple[int, int]
    min_height: float


class Detections:
    """Reads shards of a lake on demand and caches the most recent ones; thread-safe.

    All methods raise RecordingError if the recording is not in the lake, or cannot be shown, and LakeError if the lake
    cannot be read. Recordings are those of the lake; their start may be in any time zone.
    """

    def __init__(self, lake: str) -> None:
        self._lake = lake
        self._stored = lru_cache(1024)(partial(shards.stored, lake))
        self._tables = lru_cache(16)(self._read_tables)
        self._is_unchanged = lru_cache(1024)(_is_unchanged)

    def require(self, recording: Recording, recording_id: str) -> None:
        """Check that the lake has the recording now, under this id: answers about others would not be counted."""
        if recording.recording_id != recording_id:
            raise RecordingError(
                f"{recording.path}: the queue names {recording.label}, but the id {recording_id} of another channel, "
                "start or programme; draw it again: gfpipe label sample --replace"
            )
        if shards.stored(self._lake, recording) is None:
            self._stored.cache_clear()
            self._tables.cache_clear()
            self._analysis(recording)

    def aired_at(self, recording: Recording, seconds: float) -> datetime:
        """Return the broadcast time of a frame: local time where the lake knows the time zone, else UTC."""
        stored = self._stored(recording)
        start = in_zone(recording.start, stored.row["timezone"]) if stored else recording.start
        return start + timedelta(seconds=seconds)

    def file(self, recording: Recording) -> str:
        """Return the path of the file that was analysed; raises RecordingError if it has changed since."""
        row = self._analysis(recording).row
        if not self._is_unchanged(row["path"], row["source_fingerprint"], _state(row["path"])):
            raise RecordingError(f"{row['path']}: is not the file that was analysed; run gfpipe analyse on its archive")
        return str(row["path"])

    def size(self, recording: Recording) -> tuple[int, int]:
        """Return width and height of the recording's frames."""
        row = self._analysis(recording).row
        return row["width"], row["height"]

    def moment(self, recording: Recording, seconds: float) -> Moment:
        """Return the position of a frame in the recording, for decoding."""
        stored = self._analysis(recording)
        if stored.provenance.sampling == IMPORTED:
            raise RecordingError(
                f"{stored.recording.path}: its faces were imported; only faces that gfpipe detected can be shown"
            )
        start, _ = self._sample(recording, seconds)
        length = stored.row["analysed_seconds"] + stored.row["lost_seconds"]
        how = stored.provenance
        return Moment(start, Sampling(how.sampling), how.every_seconds, length, how.programme)

    def frame(self, recording: Recording, seconds: float) -> Frame:
        """Return the detections in the frame of a time, by the current analysis."""
        row = self._analysis(recording).row
        _, sample = self._sample(recording, seconds)
        _, faces, attributes = self._tables(recording)
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
                    score=face["detector_score"],
                    height=face["height_360"],
                    track=face["track_id"],
                )
                for face in detected.sort_by("face_index").to_pylist()
            ),
            size=(row["width"], row["height"]),
            min_height=_COUNTING.min_face * row["height"] / REFERENCE_LINES,
        )

    def p_female(self, recording: Recording, seconds: float, box: Box) -> float | None:
        """Return the classifier's output for the face in a box; None if it did not classify it."""
        faces = self.frame(recording, seconds).faces
        overlaps = iou(box, [face.box for face in faces])[0]
        return faces[overlaps.argmax()].p_female if overlaps.max(initial=0) >= SAME_FACE_IOU else None

    def _analysis(self, recording: Recording) -> Stored:
        stored = self._stored(recording)
        if stored is None or stored.row["status"] == Status.FAILED:
            raise RecordingError(
                f"{recording.path}: no analysis of {recording.label} is in {self._lake} any more; if the archive lists "
                "it under another name now, start this page again"
            )
        return stored

    def _sample(self, recording: Recording, seconds: float) -> tuple[float, int]:
        """Return start and index of the sample that covers a time in the current analysis."""
        samples, _, _ = self._tables(recording)
        stop = pc.add(samples["seconds"], samples["step_seconds"])
        time = seconds + _TOLERANCE
        rows = samples.filter(pc.and_(pc.less_equal(samples["seconds"], time), pc.greater(stop, time))).to_pylist()
        if not rows:
            raise RecordingError(f"{recording.path}: {seconds:.3f} s is not among the analysed samples")
        return rows[-1]["seconds"], rows[-1]["sample_index"]

    def _read_tables(self, recording: Recording) -> tuple[Any, Any, Any]:
        """Return the samples, faces and attributes of an analysed recording."""
        stored = self._analysis(recording)
        samples, faces, attributes = (
            shards.rows(self._lake, stored, name) for name in ("samples", "faces", "attributes")
        )
        if (len(samples), len(faces)) != (stored.row["sample_count"], stored.row["face_count"]):
            self._stored.cache_clear()
            raise RecordingError(f"{recording.path}: was re-analysed just now; try again")
        return samples, faces, attributes


def _state(path: str) -> tuple[int, ...]:
    """What changes when a file is replaced or written; empty if there is none."""
    try:
        found = on_disk(path).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _is_unchanged(path: str, fingerprint: str | None, _: tuple[int, ...]) -> bool:
    """Whether a file is the one that was analysed; a missing file is reported when it is opened."""
    return fingerprint is None or regular.fingerprint(path) in (None, fingerprint)
