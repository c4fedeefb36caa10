"""Images of queue items: a face, and its frame on demand. JPEGs in memory, never on disk.

A stored crop is used as it is; otherwise the frame is decoded from the recording. Threads prepare the next items.
"""

import io
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gfpipe.base import regular
from gfpipe.errors import GfpipeError, RecordingError
from gfpipe.faces.boxes import Box
from gfpipe.labelling.design.queues import FACE, FRAME, Item
from gfpipe.labelling.page.detections import Detections
from gfpipe.lake import crops
from gfpipe.video.moment import still

CONTEXT: Final = 2.0  # side of a face image, in longer sides of the face's box
_FACE_PIXELS: Final = 512
_QUALITY: Final = 90
_THREADS: Final = 2
_CACHE_SIZE: Final = 256  # images; a frame of 1080 lines has some 300 kB, a face some 30


@dataclass(frozen=True)
class PageImage:
    """A JPEG, and the box of its face as fractions of the image's sides; None for a frame."""

    jpeg: bytes
    face: Box | None = None


class ImageCache:
    """Images of a queue's items; thread-safe."""

    def __init__(self, lake: str, detections: Detections) -> None:
        self._lake, self._detections = lake, detections
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
        self._futures: OrderedDict[Hashable, Future[PageImage]] = OrderedDict()
        self._lock = Lock()
        self._is_unchanged = lru_cache(1024)(_is_unchanged)

    def image(self, item: Item, kind: str) -> PageImage:
        """Return the image of an item: a square around its face, or its frame.

        Raises:
            GfpipeError: there is no stored crop, and the recording is missing or has changed; the message says which.
        """
        return self._future(item, kind).result()

    def prepare(self, items: Iterable[Item]) -> None:
        """Load images of items in the background."""
        for item in items:
            self._future(item, item.kind)

    def close(self) -> None:
        """Cancel all loading that has not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _future(self, item: Item, kind: str) -> "Future[PageImage]":
        key = (kind, item.position if kind == FACE else (item.recording_id, item.seconds))
        with self._lock:
            future = self._futures.get(key)
            if future is None or (future.done() and (future.cancelled() or future.exception())):  # errors: try again
                future = self._futures[key] = self._pool.submit(self._face if kind == FACE else self._frame, item)
            self._futures.move_to_end(key)
            while len(self._futures) > _CACHE_SIZE:
                self._futures.popitem(last=False)
        return future

    def _face(self, item: Item) -> PageImage:
        if item.box is None or item.face_index is None:
            raise GfpipeError(f"item {item.position} is a {FRAME}")
        jpeg = crops.jpeg(self._lake, item.recording_id, item.sample_index, item.face_index, item.config_digest)
        if jpeg:
            return PageImage(jpeg, _box_in_crop(item.box))
        return _cut(*self._decoded(item), item.box)

    def _frame(self, item: Item) -> PageImage:
        pixels, _ = self._decoded(item)
        return PageImage(_encoded(Image.fromarray(pixels)))

    def _decoded(self, item: Item) -> tuple[NDArray[np.uint8], tuple[float, float]]:
        """Return the frame, (H, W, 3) RGB, and its scale (x, y) relative to the source frame."""
        path, fingerprint = self._detections.file(item)
        moment = self._detections.moment(item)
        if not self._is_unchanged(path, fingerprint):
            raise RecordingError(f"{path}: is not the file that was analysed; run gfpipe analyse on its archive")
        frame = still(path, moment)
        return frame.pixels, (frame.width / frame.source_width, frame.height / frame.source_height)


def _is_unchanged(path: str, fingerprint: str | None) -> bool:
    """Whether a file is the one that was analysed; a missing file is reported when it is opened."""
    return fingerprint is None or regular.fingerprint(path) in (None, fingerprint)


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
