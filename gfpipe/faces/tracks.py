"""Shot detection, and tracking of faces within shots by position and size, never by identity.

frames -> colour histograms -> shots;   boxes of consecutive samples -> optimal assignment -> tracks

Samples are up to a second apart, so people and cameras move far within a shot.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gfpipe.base.arrays import array_dataclass
from gfpipe.counting import Counting
from gfpipe.faces.boxes import iou
from gfpipe.faces.detector import Detections
from gfpipe.video.frames import FrameBatch

# Range of the threshold of a cut: the share of the frame that changes its colours. The minimum is for static shots,
# such as two people in turn before one backdrop; whip pans and close-ups reach the maximum within a shot.
_MIN_THRESHOLD: Final = 0.06
_MAX_THRESHOLD: Final = 0.18
_THRESHOLD_FACTOR: Final = 3.0  # threshold, relative to the mean change within the shot
_INITIAL_CHANGE: Final = _MAX_THRESHOLD / _THRESHOLD_FACTOR
_DECAY: Final = 0.7  # of the mean change, per second
_GRID: Final = (112, 64)  # columns and rows of sampled pixels
_BITS: Final = 5  # per channel
_ROUNDING_SECONDS: Final = 0.02  # longer gaps between samples are lost time

_BUFFER: Final = 0.5  # boxes are enlarged by this share of their size on every side
_MIN_IOU: Final = 0.2
_MAX_GROWTH: Final = 2.0  # maximum ratio of heights within a track


@array_dataclass
class Samples:
    """What tracking needs of a batch of N frames, apart from their faces.

    Attributes:
        seconds, step_seconds: (N,) float64, as of the frames.
        colours: (N, 112) float32, histograms with a sum of 1.
    """

    seconds: NDArray[np.float64]
    step_seconds: NDArray[np.float64]
    colours: NDArray[np.float32]

    @classmethod
    def of(cls, frames: FrameBatch) -> "Samples":
        """The samples of frames."""
        points = np.stack([picture.points(*_GRID) for picture in frames.pictures])
        return cls(frames.seconds, frames.step_seconds, colours(points))

    def __len__(self) -> int:
        return len(self.seconds)


@array_dataclass
class Tracks:
    """Shots and tracks of a batch, numbered from 0 within the recording.

    Attributes:
        shot: (N,) int32, of each sample.
        track_id: (F,) int32, of each face; -1 below the default counting score: such faces are not tracked.
    """

    shot: NDArray[np.int32]
    track_id: NDArray[np.int32]

    @property
    def stored_track_id(self) -> "np.ma.MaskedArray[tuple[int], np.dtype[np.int32]]":
        """(F,) int32, masked for faces without a track."""
        return np.ma.masked_less(self.track_id, 0)


class Tracker:
    """Tracks one recording batch by batch; only the last sample is kept in memory."""

    def __init__(self) -> None:
        self._colours: NDArray[np.float32] | None = None
        self._mean_change = _INITIAL_CHANGE
        self._begin = self._end = 0.0  # seconds, of the last sample
        self._shot = 0
        self._boxes = np.zeros((0, 4), np.float32)
        self._track_id = np.zeros(0, np.int32)
        self._next_track = 0

    def __call__(self, samples: Samples, detections: Detections) -> Tracks:
        """Assign the samples of the next batch to shots, and their faces to tracks."""
        starts_shot = self._shot_starts(samples)
        shot = (self._shot + np.cumsum(starts_shot)).astype(np.int32)
        track_id = np.full(len(detections), -1, np.int32)
        # Less certain detections would break tracks or join them.
        tracked = np.flatnonzero(detections.scores >= np.float32(Counting.min_score))
        first_face = np.searchsorted(detections.frame_index[tracked], np.arange(len(samples) + 1))
        for frame, is_start in enumerate(starts_shot):
            faces = tracked[first_face[frame] : first_face[frame + 1]]
            track_id[faces] = self._follow(detections.boxes[faces], is_start)
        self._shot = int(shot[-1])
        return Tracks(shot, track_id)

    def _shot_starts(self, samples: Samples) -> list[bool]:
        """For each sample, whether it differs from the previous one, or time was lost before it."""
        histograms, begins = samples.colours, samples.seconds
        ends = begins + samples.step_seconds
        if self._colours is None:
            self._colours, self._begin, self._end = histograms[0], begins[0], begins[0]
        change = frame_change(np.vstack((self._colours, histograms[:-1])), histograms)
        elapsed = np.diff(begins, prepend=self._begin)
        lost = begins - np.append(self._end, ends[:-1])
        self._colours, self._begin, self._end = histograms[-1], begins[-1], ends[-1]
        return list(map(self._starts_shot, change.tolist(), elapsed.tolist(), lost.tolist()))

    def _starts_shot(self, change: float, elapsed_seconds: float, lost_seconds: float) -> bool:
        """Compare with a threshold that adapts to the shot (Yusoff, Christmas & Kittler, BMVC 2000)."""
        threshold = min(max(_THRESHOLD_FACTOR * self._mean_change, _MIN_THRESHOLD), _MAX_THRESHOLD)
        if change > threshold or lost_seconds > _ROUNDING_SECONDS:
            self._mean_change = _INITIAL_CHANGE
            return True
        decay = _DECAY**elapsed_seconds
        self._mean_change = decay * self._mean_change + (1 - decay) * change
        return False

    def _follow(self, boxes: NDArray[np.float32], starts_shot: bool) -> NDArray[np.int32]:
        """Track ids of one sample's faces: of their matches in the previous sample, or new."""
        track_id = np.full(len(boxes), -1, np.int32)
        if not starts_shot:
            previous, current = match(self._boxes, boxes)
            track_id[current] = self._track_id[previous]
        is_new = track_id < 0
        track_id[is_new] = self._next_track + np.arange(is_new.sum())
        self._next_track += int(is_new.sum())
        self._boxes, self._track_id = boxes, track_id
        return track_id


def colours(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Histograms of 112 colours, (N, 112), with a sum of 1; from (N, h, w, 3) RGB."""
    levels = (pixels >> (8 - _BITS)).astype(np.int32)
    colour = _COLOUR[levels[..., 0] << (2 * _BITS) | levels[..., 1] << _BITS | levels[..., 2]]
    frame = np.arange(len(pixels))[:, None, None]
    counts = np.bincount((frame * _COLOURS + colour).ravel(), minlength=len(pixels) * _COLOURS)
    return counts.reshape(len(pixels), _COLOURS).astype(np.float32) / np.float32(colour[0].size)


def frame_change(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of frames, (N,) in [0, 1]: one minus the histogram intersection of their :func:`colours`.

    Swain & Ballard (Color indexing, 1991); for cut detection, Zhang, Kankanhalli & Smoliar (Automatic partitioning of
    full-motion video, 1993). Histograms of the whole frame are invariant to motion between distant samples.
    """
    change: NDArray[np.float32] = 1 - np.minimum(before, after).sum(axis=1)
    return change


def match(previous: NDArray[np.float32], current: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Match boxes (F, 4) of two consecutive samples; returns indices into ``previous`` and ``current``.

    Maximises the sum of overlaps, as SORT does (Bewley et al., ICIP 2016), of boxes with a buffer, so that a face may
    move by more than its width (C-BIoU, Yang et al., WACV 2023). Independent of the units of x and y.
    """
    overlaps = iou(_buffered(previous), _buffered(current))
    growth = (current[:, 3] - current[:, 1]) / (previous[:, 3] - previous[:, 1])[:, None]
    overlaps[(growth > _MAX_GROWTH) | (growth < 1 / _MAX_GROWTH)] = 0
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    is_match = overlaps[rows, columns] > _MIN_IOU
    return rows[is_match], columns[is_match]


def _buffered(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    margin = _BUFFER * (boxes[:, 2:] - boxes[:, :2])
    return np.hstack((boxes[:, :2] - margin, boxes[:, 2:] + margin))


def _colour_table() -> NDArray[np.int32]:
    """Histogram colour of every 15-bit RGB value: 8 hues x 3 saturations x 4 values, and 16 greys."""
    levels = (np.arange(1 << _BITS) + 0.5) / (1 << _BITS)
    red, green, blue = (channel.ravel() for channel in np.meshgrid(levels, levels, levels, indexing="ij"))
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    divisor = np.maximum(chroma, 1e-9)
    sixth = [(green - blue) / divisor, (blue - red) / divisor + 2, (red - green) / divisor + 4]
    hue = np.select([value == red, value == green], sixth[:2], sixth[2]) % 6 / 6
    saturation = chroma / value
    coloured = (hue * 8).astype(int) * 12 + ((saturation - 0.1) / 0.9 * 3).astype(int) * 4 + (value * 4).astype(int)
    is_grey = (saturation < 0.1) | (value < 0.04)
    return np.where(is_grey, 96 + (value * 16).astype(int), coloured).astype(np.int32)


_COLOUR: Final = _colour_table()
_COLOURS: Final = 112
