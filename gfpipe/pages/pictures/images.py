"""Frames of recordings and the faces in them as JPEGs in memory, never on disk.

A stored crop is used as it is; otherwise the frame is decoded from the recording. Threads prepare the next ones.
"""

import io
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gfpipe.faces.boxes import Box
from gfpipe.lake import crops
from gfpipe.pages.pictures.detections import Detections
from gfpipe.recording import Recording
from gfpipe.video.moment import still

CONTEXT: Final = 2.0  # side of a face image, in longer sides of the face's box
_FACE_PIXELS: Final = 512
_QUALITY: Final = 90
_THREADS: Final = 2
_CACHE_SIZE: Final = 256  # images; a frame of 1080 lines has some 300 kB, a face some 30


@dataclass(frozen=True)
class FrameAt:
    """The frame of a sample: its recording, and the start of the sample in seconds from the recording's start."""

    recording: Recording
    seconds: float


@dataclass(frozen=True)
class FaceAt:
    """A face in a frame, by the keys of the table ``faces``; its box is in pixels of the source frame."""

    frame: FrameAt
    recording_id: str
    sample_index: int
    face_index: int
    box: Box
    config_digest: str


Subject = FrameAt | FaceAt


@dataclass(frozen=True)
class PageImage:
    """A JPEG, and the box of its face as fractions of the image's sides; None for a frame."""

    jpeg: bytes
    face: Box | None = None


class ImageCache:
    """Images of frames and faces; thread-safe."""

    def __init__(self, lake: str, detections: Detections) -> None:
        self._lake, self._detections = lake, detections
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
        self._futures: OrderedDict[Subject, Future[PageImage]] = OrderedDict()
        self._ahead: dict[Subject, Future[PageImage]] = {}  # that nobody waits for
        self._lock = Lock()

    def image(self, subject: Subject) -> PageImage:
        """Return a frame, or a square around a face.

        Raises:
            GfpipeError: there is no stored crop, and the recording is missing or has changed; the message says which.
        """
        with self._lock:
            future = self._future(subject)
            self._ahead.pop(subject, None)
        return future.result()

    def prepare(self, subjects: Iterable[Subject]) -> None:
        """Load images in the background, in this order; what was to be prepared before and has not begun is dropped."""
        with self._lock:
            for future in self._ahead.values():
                future.cancel()
            self._ahead = {subject: self._future(subject) for subject in subjects}

    def close(self) -> None:
        """Cancel all loading that has not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _future(self, subject: Subject) -> "Future[PageImage]":
        future = self._futures.get(subject)
        if future is None or (future.done() and (future.cancelled() or future.exception())):  # errors: try again
            future = self._futures[subject] = self._pool.submit(self._load, subject)
        self._futures.move_to_end(subject)
        while len(self._futures) > _CACHE_SIZE:
            self._futures.popitem(last=False)
        return future

    def _load(self, subject: Subject) -> PageImage:
        if isinstance(subject, FrameAt):
            pixels, _ = self._decoded(subject)
            return PageImage(_encoded(Image.fromarray(pixels)))
        jpeg = crops.jpeg(
            self._lake, subject.recording_id, subject.sample_index, subject.face_index, subject.config_digest
        )
        if jpeg:
            return PageImage(jpeg, _box_in_crop(subject.box))
        return _cut(*self._decoded(subject.frame), subject.box)

    def _decoded(self, at: FrameAt) -> tuple[NDArray[np.uint8], tuple[float, float]]:
        """Return the frame, (H, W, 3) RGB, and its scale (x, y) relative to the source frame."""
        frame = still(self._detections.file(at.recording), self._detections.moment(at.recording, at.seconds))
        return frame.pixels, (frame.width / frame.source_width, frame.height / frame.source_height)


def _cut(pixels: NDArray[np.uint8], scale: tuple[float, float], box: Box) -> PageImage:
    """Cut a square around a face; black outside the frame."""
    x1, y1, x2, y2 = (value * scale[index % 2] for index, value in enumerate(box))
    side = max(4, round(CONTEXT * max(x2 - x1, y2 - y1)))
    left, top = round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2)
    square = Image.fromarray(pixels).crop((left, top, left + side, top + side))
    square.thumbnail((_FACE_PIXELS, _FACE_PIXELS), Image.Resampling.LANCZOS)
    return PageImage(_encoded(square), ((x1 - left) / side, (y1 - top) / side, (x2 - left) / side, (y2 - top) / side))


def _box_in_crop(box: Box) -> Box:
    """Return the box of a face in its crop: centred, the crop `CONTEXT` times as large as the longer side."""
    width, height = box[2] - box[0], box[3] - box[1]
    side = CONTEXT * max(width, height, 1.0)
    x, y = width / side / 2, height / side / 2
    return 0.5 - x, 0.5 - y, 0.5 + x, 0.5 + y


def _encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
