"""Chooses the faces of a recording that are kept as pictures, where a site asked for that, and cuts them.

faces that count -> one of each track, by chance -> at most so many tracks, by chance -> squares as JPEG

Chance is a hash of recording, sample and face: it is the same whenever the recording is analysed. Every track has the
same probability of being kept, and of a track every face. The largest face of each would be nicer to look at, but
whoever labels or learns from such a choice sees people closer, sharper and more frontal than the analysis does; a
random one stands for all that the classifier was asked about.
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

SIDE: Final = 256  # pixels of a crop at most
_AROUND: Final = 2.0  # times the face's longer side: people recognise what they see, and so does the detector
_QUALITY: Final = 90
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Crop:
    """The picture of one face.

    Attributes:
        sample_index, face_index: which face of the recording.
        jpeg: the picture, ``width`` x ``height`` pixels.
    """

    sample_index: int
    face_index: int
    track_id: int
    jpeg: bytes
    width: int
    height: int


@dataclass
class _Track:
    """What is kept of a track: a crop for each of its first lots, which rise."""

    lots: list[int]
    room: int
    crops: list[tuple[int, Crop]] = field(default_factory=list)  # by their own lots, which rise too


class Keeper:
    """Looks at a recording batch by batch, and holds no more crops than the recording may have.

    What it holds in the end is what an offline choice would be: each track draws as many lots as it may have crops;
    the lowest lots of the recording win, and a track fills those it won with the faces that drew lowest.
    """

    def __init__(self, retention: CropRetention, recording: Recording) -> None:
        self.retention, self._recording = retention, recording
        self._tracks: dict[int, _Track] = {}
        self._held: list[tuple[int, int]] = []  # heap of (-lot, track) for every crop: the first to go comes first

    def __call__(
        self,
        frames: FrameBatch,
        detections: Detections,
        tracks: Tracks,
        counts: NDArray[np.bool_],
        first_sample: int,
    ) -> None:
        """Consider the faces of the next batch.

        Args:
            frames: N frames.
            detections: their F faces.
            tracks: of the same faces.
            counts: (F,) which of them may be kept at all.
            first_sample: the number of the batch's first sample within the recording.
        """
        first_face = np.searchsorted(detections.frame_index, np.arange(len(frames)))
        for place in np.flatnonzero(counts):
            frame = int(detections.frame_index[place])
            sample, face = first_sample + frame, int(place - first_face[frame])
            track = int(tracks.track_id[place])
            crop = partial(_crop, frames.pixels[frame], detections.boxes[place], sample, face, track)
            self._consider(track, _draw(self._recording.recording_id, "face", sample, face), crop)

    def kept(self, seconds: float) -> tuple[Crop, ...]:
        """The crops to keep of a recording that was analysed for so many seconds, in order of sample and face."""
        allowed = share_of_day(self._recording, seconds, self.retention.per_day)
        while len(self._held) > allowed:
            self._drop_last()
        crops = (crop for track in self._tracks.values() for _, crop in track.crops)
        return tuple(sorted(crops, key=lambda crop: (crop.sample_index, crop.face_index)))

    def _consider(self, number: int, lot: int, crop: Callable[[], Crop]) -> None:
        track = self._tracks.get(number) or self._new(number)
        if len(track.crops) < track.room:
            next_lot = track.lots[len(track.crops)]
            if len(self._held) < self.retention.per_recording or next_lot < -self._held[0][0]:
                insort(track.crops, (lot, crop()), key=itemgetter(0))
                self._tracks[number] = track
                heappush(self._held, (-next_lot, number))
                if len(self._held) > self.retention.per_recording:
                    self._drop_last()
                return
            track.room = len(track.crops)
        if track.crops and lot < track.crops[-1][0]:
            track.crops.pop()
            insort(track.crops, (lot, crop()), key=itemgetter(0))

    def _new(self, number: int) -> _Track:
        lots = (_draw(self._recording.recording_id, "track", number, each) for each in range(self.retention.per_track))
        return _Track(sorted(lots), self.retention.per_track)

    def _drop_last(self) -> None:
        """Let the crop go that holds the highest lot; the last of its track, as lots are filled from the lowest."""
        number = heappop(self._held)[1]
        track = self._tracks[number]
        track.crops.pop()
        track.room = len(track.crops)
        if not track.crops:  # never to come back: all that is held from now on drew lower
            del self._tracks[number]


def share_of_day(recording: Recording, seconds: float, per_day: int) -> int:
    """How many crops a recording may have of those of its channel and day.

    Recordings are analysed in parallel and know nothing of one another, so each gets the share of the day's number
    that it is of 24 hours. Fractions are neither lost nor rounded up: a channel's day (UTC) has ``per_day`` ticks, at
    even distances from a moment drawn by hash, and a recording gets those that fall into its air time. Recordings of
    one channel that do not overlap never have more than ``per_day`` of a day together.
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


def _crop(pixels: NDArray[np.uint8], box: NDArray[np.float32], sample: int, face: int, track: int) -> Crop:
    jpeg, width, height = cut(pixels, box)
    return Crop(sample, face, track, jpeg, width, height)


def cut(pixels: NDArray[np.uint8], box: NDArray[np.float32]) -> tuple[bytes, int, int]:
    """Cut the upright square around a face: its JPEG, its width and its height in pixels.

    Args:
        pixels: (H, W, 3) uint8 RGB, the frame.
        box: (4,) x1, y1, x2, y2 of the face, in its pixels.

    Where the square reaches beyond the frame, the pixels of the border are repeated: mirrored ones would show half of
    the face again.
    """
    (x1, y1, x2, y2), (height, width, _) = box.tolist(), pixels.shape
    side = max(round(_AROUND * max(x2 - x1, y2 - y1)), 2)
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


def _draw(*what: object) -> int:
    """A number of 64 bits that is always the same for the same, and otherwise as if by chance."""
    return int.from_bytes(hashlib.blake2b(repr(what).encode(), digest_size=8).digest())
