"""Random selection of the faces of a recording that are stored as crops, and cutting of the crops.

counted faces -> random faces of each track -> random tracks, up to the limits -> JPEG squares

Random numbers are hashes of recording, sample and face, so that another analysis selects the same faces. Every track is
selected with the same probability, and so is every face of a track: a selection of the largest faces would be closer,
sharper and more frontal than the faces that are classified.
"""

import hashlib
import io
import math
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from functools import partial
from heapq import heappop, heappush
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gfpipe.faces.detector import Detections
from gfpipe.faces.tracks import Tracks
from gfpipe.recording import Recording
from gfpipe.settings import CropRetention
from gfpipe.video.frames import FrameBatch
from gfpipe.video.pictures.picture import Picture

SIDE: Final = 256  # maximum side of a crop in pixels
_MARGIN: Final = 2.0  # side of a crop, relative to the longer side of the face's box
_QUALITY: Final = 90
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Crop:
    """The image of one face: a JPEG of ``width`` x ``height`` pixels."""

    sample_index: int
    face_index: int
    track_id: int
    jpeg: bytes
    width: int
    height: int


@dataclass
class _Track:
    """The crops of a track, one for each of its lowest random numbers."""

    draws: list[int]  # ascending
    capacity: int
    crops: list[tuple[int, Crop]] = field(default_factory=list)  # ascending by their own random numbers


class CropSampler:
    """Selects crops batch by batch, storing no more than the recording's limit.

    The result equals that of an offline selection: each track draws one random number per permitted crop, the lowest
    numbers of the recording are selected, and a track fills its selected numbers with its faces of lowest numbers.
    """

    def __init__(self, retention: CropRetention, recording: Recording) -> None:
        self.retention, self._recording = retention, recording
        self._tracks: dict[int, _Track] = {}
        self._heap: list[tuple[int, int]] = []  # (-draw, track) of every crop: the next to be removed first

    def __call__(
        self,
        frames: FrameBatch,
        detections: Detections,
        tracks: Tracks,
        counts: NDArray[np.bool_],
        first_sample: int,
    ) -> None:
        """Add the F faces of the next batch, whose first sample has the index ``first_sample`` within the recording.

        Faces may be selected if ``counts``, (F,), is true.
        """
        first_face = np.searchsorted(detections.frame_index, np.arange(len(frames)))
        for index in np.flatnonzero(counts):
            frame = int(detections.frame_index[index])
            sample, face = first_sample + frame, int(index - first_face[frame])
            track = int(tracks.track_id[index])
            crop = partial(_crop, frames.pictures[frame], detections.boxes[index], sample, face, track)
            self._add(track, _draw(self._recording.recording_id, "face", sample, face), crop)

    def selected(self, seconds: float) -> tuple[Crop, ...]:
        """The selected crops of a recording of which ``seconds`` were analysed, in order of sample and face."""
        limit = share_of_day(self._recording, seconds, self.retention.per_day)
        while len(self._heap) > limit:
            self._remove_last()
        crops = (crop for track in self._tracks.values() for _, crop in track.crops)
        return tuple(sorted(crops, key=lambda crop: (crop.sample_index, crop.face_index)))

    def _add(self, track_id: int, draw: int, crop: Callable[[], Crop]) -> None:
        track = self._tracks.get(track_id) or self._new_track(track_id)
        if len(track.crops) < track.capacity:
            next_draw = track.draws[len(track.crops)]
            if len(self._heap) < self.retention.per_recording or next_draw < -self._heap[0][0]:
                insort(track.crops, (draw, crop()), key=itemgetter(0))
                self._tracks[track_id] = track
                heappush(self._heap, (-next_draw, track_id))
                if len(self._heap) > self.retention.per_recording:
                    self._remove_last()
                return
            track.capacity = len(track.crops)
        if track.crops and draw < track.crops[-1][0]:
            track.crops.pop()
            insort(track.crops, (draw, crop()), key=itemgetter(0))

    def _new_track(self, track_id: int) -> _Track:
        draws = (_draw(self._recording.recording_id, "track", track_id, n) for n in range(self.retention.per_track))
        return _Track(sorted(draws), self.retention.per_track)

    def _remove_last(self) -> None:
        """Remove the crop of the highest number, which is the last crop of its track."""
        track_id = heappop(self._heap)[1]
        track = self._tracks[track_id]
        track.crops.pop()
        track.capacity = len(track.crops)
        if not track.crops:  # final, as all later selections have lower numbers
            del self._tracks[track_id]


def share_of_day(recording: Recording, seconds: float, per_day: int) -> int:
    """A recording's share of the crops of its channel and day.

    A channel's day (UTC) has ``per_day`` evenly spaced ticks, with a phase drawn by hash, and a recording gets those
    within its air time. So recordings that do not overlap, analysed independently, never exceed ``per_day`` together.
    """
    start = recording.start.astimezone(UTC)
    end = start + timedelta(seconds=seconds)
    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    ticks = 0
    while day < end:
        phase = _draw(recording.channel, "day", day.toordinal()) / 2**64
        first, last = (min(max((moment - day) / _DAY, 0.0), 1.0) for moment in (start, end))
        ticks += math.floor(per_day * last + phase) - math.floor(per_day * first + phase)
        day += _DAY
    return ticks


def _crop(picture: Picture, box: NDArray[np.float32], sample: int, face: int, track: int) -> Crop:
    jpeg, width, height = cut(picture.pixels, box)
    return Crop(sample, face, track, jpeg, width, height)


def cut(pixels: NDArray[np.uint8], box: NDArray[np.float32]) -> tuple[bytes, int, int]:
    """Cut the upright square around a box (4,) of a frame (H, W, 3) RGB; returns its JPEG, width and height.

    Beyond the frame, border pixels are repeated; mirroring would repeat half of the face.
    """
    (x1, y1, x2, y2), (height, width, _) = box.tolist(), pixels.shape
    side = max(round(_MARGIN * max(x2 - x1, y2 - y1)), 2)
    columns, rows = (
        np.clip(round((low + high - side) / 2) + np.arange(side), 0, limit - 1)
        for low, high, limit in ((x1, x2, width), (y1, y2, height))
    )
    image = Image.fromarray(pixels[rows[:, None], columns])
    if side > SIDE:
        image = image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=_QUALITY)
    return data.getvalue(), *image.size


def _draw(*key: object) -> int:
    """A reproducible random number of 64 bits."""
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=8).digest())
