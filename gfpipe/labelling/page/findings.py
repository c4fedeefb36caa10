"""What the lake says of the picture that an item of a queue asks about: its moment, its faces, a model's answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import pyarrow.compute as pc

from gfpipe.choices import Sampling
from gfpipe.errors import LakeError
from gfpipe.labelling.design.queues import Item
from gfpipe.labelling.labels import Box
from gfpipe.labelling.page.desk import overlap
from gfpipe.lake import shards
from gfpipe.lake.shards import Stored
from gfpipe.recording import REFERENCE_LINES, Recording, Status, in_zone
from gfpipe.video.moment import Moment

_SAME_FACE: Final = 0.5
_ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class FoundFace:
    """A face that the detector found in a picture.

    Attributes:
        index: its number in the sample.
        box: (x1, y1, x2, y2) in pixels of the source frame.
        counts: whether it is large enough to count.
        p_female: what the recording's classifier says; None where it says nothing.
    """

    index: int
    box: Box
    counts: bool
    p_female: float | None


@dataclass(frozen=True)
class Frame:
    """What was found in one picture.

    Attributes:
        faces: by their numbers.
        size: width and height of the source frame.
        min_height: faces less high, in its pixels, do not count.
    """

    faces: tuple[FoundFace, ...]
    size: tuple[int, int]
    min_height: float


class Findings:
    """Reads shards of a lake as they are needed, and keeps the last ones; may be asked from several threads.

    Args:
        lake: the lake's folder or URL.
    """

    def __init__(self, lake: str) -> None:
        self._lake = lake
        self._stored = lru_cache(1024)(self._read_stored)
        self._tables = lru_cache(16)(self._read_tables)

    def aired_at(self, item: Item) -> datetime:
        """When the picture was on air, on the clock on the wall where the lake knows its zone.

        Raises:
            LakeError: the lake cannot be read.
        """
        found = self._stored(_recording(item))
        start = in_zone(item.started_at, found.row["timezone"]) if found else item.started_at
        return start + timedelta(seconds=item.seconds)

    def file(self, item: Item) -> tuple[str, str | None]:
        """Where the recording is today, and the fingerprint that it had when it was analysed.

        Raises:
            LakeError: the recording is not in the lake any more, or the lake cannot be read.
        """
        row = self._analysis(item).row
        return row["path"], row["source_fingerprint"]

    def size(self, item: Item) -> tuple[int, int]:
        """Width and height of the recording's frames.

        Raises:
            LakeError: the recording is not in the lake any more, or the lake cannot be read.
        """
        row = self._analysis(item).row
        return row["width"], row["height"]

    def moment(self, item: Item) -> Moment:
        """What it takes to find the picture again.

        Raises:
            LakeError: the recording is not in the lake any more, or the lake cannot be read.
        """
        found = self._analysis(item)
        if found.provenance.sampling == shards.IMPORTED:
            raise LakeError(f"{found.recording.path}: its faces were imported; label those that gfpipe found itself")
        seconds, _ = self._sample(item)
        length = found.row["analysed_seconds"] + found.row["lost_seconds"]
        return Moment(seconds, Sampling(found.provenance.sampling), found.provenance.every_seconds, length)

    def frame(self, item: Item) -> Frame:
        """What was found in the picture, by today's analysis.

        Raises:
            LakeError: the recording, or that moment of it, is not in the lake any more, or the lake cannot be read.
        """
        row = self._analysis(item).row
        _, sample = self._sample(item)
        _, faces, answers = self._tables(_recording(item))
        p_female = {
            each["face_index"]: each["p_female"]
            for each in answers.filter(pc.field("sample_index") == sample).to_pylist()
            if each["model_id"] == row["classifier_id"]
        }
        found = faces.filter(pc.field("sample_index") == sample).sort_by("face_index").to_pylist()
        return Frame(
            faces=tuple(
                FoundFace(
                    index=face["face_index"],
                    box=(face["x1"], face["y1"], face["x2"], face["y2"]),
                    counts=not face["below_min_face"],
                    p_female=p_female.get(face["face_index"]),
                )
                for face in found
            ),
            size=(row["width"], row["height"]),
            min_height=row["min_face"] * row["height"] / REFERENCE_LINES,
        )

    def p_female(self, item: Item) -> float | None:
        """What the classifier says of the face that an item asks about; None where it says nothing of it.

        Raises:
            LakeError: as for :meth:`frame`.
        """
        box = item.box
        if box is None:
            return None
        best = max(self.frame(item).faces, key=lambda face: overlap(box, face.box), default=None)
        return best.p_female if best and overlap(box, best.box) >= _SAME_FACE else None

    def _analysis(self, item: Item) -> Stored:
        found = self._stored(_recording(item))
        if found is None or found.row["status"] == Status.FAILED:
            raise LakeError(f"{item.path}: no analysis of this recording is in {self._lake} any more")
        return found

    def _sample(self, item: Item) -> tuple[float, int]:
        """Start and number of the sample that stands for the item's moment today; it may have been analysed anew."""
        self._analysis(item)
        samples, _, _ = self._tables(_recording(item))
        until = pc.add(samples["seconds"], samples["step_seconds"])
        at = item.seconds + _ROUNDING
        found = samples.filter(pc.and_(pc.less_equal(samples["seconds"], at), pc.greater(until, at))).to_pylist()
        if not found:
            raise LakeError(f"{item.path}: {item.seconds:.3f} s is not among the moments that were analysed")
        return found[-1]["seconds"], found[-1]["sample_index"]

    def _read_stored(self, recording: Recording) -> Stored | None:
        return shards.stored(self._lake, recording)

    def _read_tables(self, recording: Recording) -> tuple[Any, Any, Any]:
        """The samples, faces and answers of a recording."""
        found = self._stored(recording)
        if found is None:
            raise LakeError(f"{recording.path}: no analysis of this recording is in {self._lake} any more")
        samples, faces, answers = (shards.rows(self._lake, found, name) for name in ("samples", "faces", "attributes"))
        if (len(samples), len(faces)) != (found.row["sample_count"], found.row["face_count"]):
            self._stored.cache_clear()
            raise LakeError(f"{recording.path}: was analysed anew just now; try again")
        return samples, faces, answers


def _recording(item: Item) -> Recording:
    return Recording(item.path, item.channel, item.programme, item.started_at)
