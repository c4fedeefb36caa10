"""Groups samples into shots, and the faces of a shot into tracks: by pictures, places and sizes, never by identity.

frames -> their colours -> shots;   boxes of two samples in a row -> optimal assignment -> tracks

Samples lie up to a second apart, so people and cameras move far within a shot: what is compared must bear that.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gfpipe.arrays import array_dataclass
from gfpipe.faces.detector import Detections
from gfpipe.video.frames import FrameBatch

# Shots: how much of the picture changes its colours at a cut. The least is for shots in which hardly anything moves,
# such as two people in turn before one backdrop; what changes as much as the most within a shot is a whip pan, or
# somebody who fills the picture.
_LEAST_CHANGE: Final = 0.06
_MOST_CHANGE: Final = 0.18
_TIMES_USUAL: Final = 3.0
_USUAL_CHANGE: Final = _MOST_CHANGE / _TIMES_USUAL  # of a shot that has just begun
_MEMORY: Final = 0.7  # of what is usual in a shot, after a second
_POINTS: Final = (64, 112)  # of a picture that are looked at: down and across
_BITS: Final = 5  # of each channel
_MOMENT: Final = 0.02  # seconds between two samples that are rounding, not lost time

# Tracks, on boxes that are enlarged by this much of their size on every side.
_BUFFER: Final = 0.5
_OVERLAP: Final = 0.2
_GROWTH: Final = 2.0  # a face that became more than so many times as high is another one


@array_dataclass
class Tracks:
    """Where the samples and faces of a batch belong; both are numbered from 0 within the recording.

    Attributes:
        shot: (N,) int32, one for each sample.
        track_id: (F,) int32, one for each face.
    """

    shot: NDArray[np.int32]
    track_id: NDArray[np.int32]


class Tracker:
    """Follows one recording, batch by batch, from its start; holds no more than the last sample."""

    def __init__(self) -> None:
        self._colours: NDArray[np.float32] | None = None
        self._usual_change = _USUAL_CHANGE
        self._begin = self._end = 0.0  # seconds, of the last sample
        self._shot = 0
        self._boxes = np.zeros((0, 4), np.float32)
        self._track_id = np.zeros(0, np.int32)
        self._next_track = 0

    def __call__(self, frames: FrameBatch, detections: Detections) -> Tracks:
        """Say which shot each frame of the next batch is part of, and which track each of its faces."""
        starts_shot = self._shot_starts(frames)
        shot = (self._shot + np.cumsum(starts_shot)).astype(np.int32)
        track_id = np.empty(len(detections), np.int32)
        first_face = np.searchsorted(detections.frame_index, np.arange(len(frames) + 1))
        for frame, is_start in enumerate(starts_shot):
            faces = slice(first_face[frame], first_face[frame + 1])
            track_id[faces] = self._follow(detections.boxes[faces], is_start)
        self._shot = int(shot[-1])
        return Tracks(shot, track_id)

    def _shot_starts(self, frames: FrameBatch) -> list[bool]:
        """For each frame: the picture is another than before, or time was lost before it, which may hide a cut."""
        seen = colours(frames.pixels)
        begins, ends = frames.seconds, frames.seconds + frames.step_seconds
        if self._colours is None:
            self._colours, self._begin, self._end = seen[0], begins[0], begins[0]
        change = picture_change(np.vstack((self._colours, seen[:-1])), seen)
        elapsed = np.diff(begins, prepend=self._begin)
        lost = begins - np.append(self._end, ends[:-1])
        self._colours, self._begin, self._end = seen[-1], begins[-1], ends[-1]
        return [self._starts_shot(*each) for each in zip(change.tolist(), elapsed.tolist(), lost.tolist(), strict=True)]

    def _starts_shot(self, change: float, elapsed_seconds: float, lost_seconds: float) -> bool:
        """A threshold that follows what is usual in the shot, as of Yusoff, Christmas & Kittler, BMVC 2000."""
        threshold = min(max(_TIMES_USUAL * self._usual_change, _LEAST_CHANGE), _MOST_CHANGE)
        if change > threshold or lost_seconds > _MOMENT:
            self._usual_change = _USUAL_CHANGE
            return True
        memory = _MEMORY**elapsed_seconds
        self._usual_change = memory * self._usual_change + (1 - memory) * change
        return False

    def _follow(self, boxes: NDArray[np.float32], starts_shot: bool) -> NDArray[np.int32]:
        """Track ids of one sample's faces: those of their partners in the sample before, new ones for the rest."""
        track_id = np.full(len(boxes), -1, np.int32)
        if not starts_shot:
            before, now = partners(self._boxes, boxes)
            track_id[now] = self._track_id[before]
        is_new = track_id < 0
        track_id[is_new] = self._next_track + np.arange(is_new.sum())
        self._next_track += int(is_new.sum())
        self._boxes, self._track_id = boxes, track_id
        return track_id


def colours(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much of each picture has each of 112 colours, (N, 112), adding up to 1; from (N, H, W, 3) RGB."""
    down, across = (
        ((np.arange(n) + 0.5) * side / n).astype(int) for n, side in zip(_POINTS, pixels.shape[1:3], strict=True)
    )
    levels = (pixels.take(down, axis=1).take(across, axis=2) >> (8 - _BITS)).astype(np.int32)
    colour = _COLOUR[levels[..., 0] << (2 * _BITS) | levels[..., 1] << _BITS | levels[..., 2]]
    picture = np.arange(len(pixels))[:, None, None]
    counts = np.bincount((picture * _COLOURS + colour).ravel(), minlength=len(pixels) * _COLOURS)
    return counts.reshape(len(pixels), _COLOURS).astype(np.float32) / np.float32(np.prod(_POINTS))


def picture_change(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """How different pictures are, (N,) from 0 to 1, by their :func:`colours`.

    What histograms of colours do not have in common (Swain & Ballard, Color indexing, 1991), the classic of cut
    detection (Zhang, Kankanhalli & Smoliar, Automatic partitioning of full-motion video, 1993). Histograms of the
    whole picture, because what only moves, be it people or the camera, leaves them as they were, however far apart
    samples are, and because a cut changes them also where a backdrop or black bars stay the same.
    """
    change: NDArray[np.float32] = 1 - np.minimum(before, after).sum(axis=1)
    return change


def partners(before: NDArray[np.float32], now: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which faces of one sample are which of the next: indices into ``before`` and ``now``, boxes (F, 4).

    The assignment with the greatest sum of overlaps, as in SORT (Bewley et al., ICIP 2016), of boxes with a buffer
    around them, so that a face may move by more than its own width (Yang et al., WACV 2023, C-BIoU). Nothing here
    depends on the unit of x or of y.
    """
    overlap = _overlap(_buffered(before), _buffered(now))
    growth = (now[:, 3] - now[:, 1]) / (before[:, 3] - before[:, 1])[:, None]
    overlap[(growth > _GROWTH) | (growth < 1 / _GROWTH)] = 0
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    good = overlap[rows, columns] > _OVERLAP
    return rows[good], columns[good]


def _buffered(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    margin = _BUFFER * (boxes[:, 2:] - boxes[:, :2])
    return np.hstack((boxes[:, :2] - margin, boxes[:, 2:] + margin))


def _overlap(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of any two boxes, (S, O)."""
    low = np.maximum(some[:, None, :2], others[:, :2])
    high = np.minimum(some[:, None, 2:], others[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (some, others)]
    overlap: NDArray[np.float32] = common / (areas[0][:, None] + areas[1] - common)
    return overlap


def _colour_table() -> NDArray[np.int32]:
    """Which of the 112 colours each red, green and blue of five bits, in one number of fifteen, counts as.

    Eight hues by three saturations by four values, and sixteen greys for what is too pale or too dark for a hue.
    """
    levels = (np.arange(1 << _BITS) + 0.5) / (1 << _BITS)
    red, green, blue = (channel.ravel() for channel in np.meshgrid(levels, levels, levels, indexing="ij"))
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    some = np.maximum(chroma, 1e-9)
    sixth = [(green - blue) / some, (blue - red) / some + 2, (red - green) / some + 4]
    hue = np.select([value == red, value == green], sixth[:2], sixth[2]) % 6 / 6
    saturation = chroma / value
    coloured = (hue * 8).astype(int) * 12 + ((saturation - 0.1) / 0.9 * 3).astype(int) * 4 + (value * 4).astype(int)
    is_grey = (saturation < 0.1) | (value < 0.04)
    return np.where(is_grey, 96 + (value * 16).astype(int), coloured).astype(np.int32)


_COLOUR: Final = _colour_table()
_COLOURS: Final = 112
