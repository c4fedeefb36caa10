"""What the page shows of an item: a face large, its frame on demand. JPEGs in memory, never on disk.

A crop that the lake keeps is taken as it is; otherwise the recording is decoded at its moment. A few threads work
ahead, so that the next faces are ready when they are asked for.
"""

import io
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gfpipe.errors import GfpipeError, RecordingError
from gfpipe.labelling.design.queues import FACE, Item
from gfpipe.labelling.labels import Box
from gfpipe.labelling.page.findings import Findings
from gfpipe.lake import crops, shards
from gfpipe.video.moment import still

CONTEXT: Final = 2.0  # sides of what is shown of a face, in longer sides of its box
_FACE_PIXELS: Final = 512
_QUALITY: Final = 90
_THREADS: Final = 2
_HELD: Final = 256  # pictures; a frame of 1080 lines has some 300 kB, a face some 30


@dataclass(frozen=True)
class Shown:
    """A picture for the page.

    Attributes:
        jpeg: the file.
        width, height: its pixels.
        face: where the box of the face is in it (left, top, right, bottom), as shares of its sides; None of a frame.
    """

    jpeg: bytes
    width: int
    height: int
    face: Box | None = None


class Pictures:
    """Pictures of a queue's items; may be asked from several threads.

    Args:
        lake: the lake's folder or URL.
        findings: what the lake says of them.
    """

    def __init__(self, lake: str, findings: Findings) -> None:
        self._lake, self._findings = lake, findings
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="pictures")
        self._held: OrderedDict[Hashable, Future[Shown]] = OrderedDict()
        self._lock = Lock()
        self._is_same = lru_cache(1024)(_is_same)

    def face(self, item: Item) -> Shown:
        """The face that an item asks about, in the middle of a square.

        Raises:
            GfpipeError: neither crop nor recording is there any more; says why.
        """
        return self._future(item, FACE).result()

    def frame(self, item: Item) -> Shown:
        """The whole picture.

        Raises:
            GfpipeError: the recording is not there any more, or is another; says why.
        """
        return self._future(item, "frame").result()

    def prepare(self, items: Iterable[Item]) -> None:
        """Have the pictures of items that will be asked for soon made ready."""
        for item in items:
            self._future(item, item.kind)

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _future(self, item: Item, kind: str) -> "Future[Shown]":
        key = (kind, item.position if kind == FACE else (item.recording_id, item.seconds))
        make: Callable[[Item], Shown] = self._face if kind == FACE else self._frame
        with self._lock:
            found = self._held.get(key)
            if found is None or (found.done() and (found.cancelled() or found.exception())):  # a share may be back
                found = self._held[key] = self._pool.submit(make, item)
            self._held.move_to_end(key)
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
        return found

    def _face(self, item: Item) -> Shown:
        if item.box is None or item.face_index is None:
            raise GfpipeError(f"item {item.position} is a whole picture")
        kept = crops.jpeg(self._lake, item.recording_id, item.sample_index, item.face_index, item.config_digest)
        if kept:
            return _crop(kept, item.box)
        return _cut(*self._decoded(item), item.box)

    def _frame(self, item: Item) -> Shown:
        pixels, _ = self._decoded(item)
        return _shown(Image.fromarray(pixels))

    def _decoded(self, item: Item) -> tuple[NDArray[np.uint8], tuple[float, float]]:
        """The picture, (H, W, 3) RGB, and how many of its pixels one of the source frame has, across and down."""
        path, fingerprint = self._findings.file(item)
        moment = self._findings.moment(item)
        if not self._is_same(path, fingerprint):
            raise RecordingError(f"{path}: is not the file that was analysed; run gfpipe analyse on its archive")
        found = still(path, moment)
        height, width, _ = found.pixels.shape
        return found.pixels, (width / found.source_width, height / found.source_height)


def _is_same(path: str, fingerprint: str | None) -> bool:
    """Whether a file is still the one that was analysed; one that is gone is found out on opening it."""
    return fingerprint is None or shards.fingerprint(path) in (None, fingerprint)


def _cut(pixels: NDArray[np.uint8], scale: tuple[float, float], box: Box) -> Shown:
    """The square around a face; black where the picture ends."""
    x1, y1, x2, y2 = (value * scale[place % 2] for place, value in enumerate(box))
    side = max(4, round(CONTEXT * max(x2 - x1, y2 - y1)))
    left, top = round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2)
    square = Image.fromarray(pixels).crop((left, top, left + side, top + side))
    square.thumbnail((_FACE_PIXELS, _FACE_PIXELS), Image.Resampling.LANCZOS)
    face = ((x1 - left) / side, (y1 - top) / side, (x2 - left) / side, (y2 - top) / side)
    return _shown(square, face)


def _crop(jpeg: bytes, box: Box) -> Shown:
    """A crop of the lake, whose sides are twice the longer side of its box, which is in the middle."""
    with Image.open(io.BytesIO(jpeg)) as opened:
        width, height = opened.size
    across, down = box[2] - box[0], box[3] - box[1]
    side = CONTEXT * max(across, down, 1.0)
    half = (across / side / 2, down / side / 2)
    return Shown(jpeg, width, height, (0.5 - half[0], 0.5 - half[1], 0.5 + half[0], 0.5 + half[1]))


def _shown(image: Image.Image, face: Box | None = None) -> Shown:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return Shown(file.getvalue(), *image.size, face)
