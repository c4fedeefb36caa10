"""Chips cut once and stored as bytes on disk, so that no epoch decodes or detects faces.

    FOLDER/key.json       digest of the pictures and of how they are cut; other chips are replaced
    FOLDER/pixels.npy     (N, 3, C, C) uint8, memory-mapped
    FOLDER/state.npy      (N,) uint8: to do, cut, or no face
    FOLDER/teachers.npy   (T, N) float32, p_female of each teacher
    FOLDER/done.json      reasons for unreadable pictures; written last, so it marks a complete folder

An interrupted run continues with the faces still to do.
"""

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gfpipe.attributes.spec import InputSpec
from gfpipe.base import files
from gfpipe.base.arrays import array_dataclass
from gfpipe.errors import UsageError

_MARGIN: Final = 0.14  # of the chip's side, on each side: pixels that augmentation moves into view
_TO_DO, _CUT, _NO_FACE = 0, 1, 2
_FLUSH_EVERY: Final = 512  # faces
NO_FACE: Final = "no face was found in it"


@array_dataclass
class Chips:
    """The chips of N pictures.

    Attributes:
        pixels: (N, 3, C, C) uint8 RGB; zeros without a chip.
        cut: (N,) bool, whether there is a chip.
        missing: reasons for missing chips, by index.
        teachers: (N,) p_female by teacher's id; NaN without a chip.
    """

    pixels: NDArray[np.uint8]
    cut: NDArray[np.bool_]
    missing: Mapping[int, str]
    teachers: Mapping[str, NDArray[np.float32]]


def margin(size: int) -> int:
    """The margin in pixels on each side of a chip of ``size``."""
    return math.ceil(size * _MARGIN)


def with_margin(chip: InputSpec) -> InputSpec:
    """The same chip with a margin, without additional views: its template is moved, or its square enlarged."""
    return replace(chip.widened(margin(chip.size or 0)), half_pixel_views=False, flipped_view=False)


def remove(folder: Path) -> None:
    """Remove the chips, if there are any."""
    shutil.rmtree(folder, ignore_errors=True)


def opened(folder: Path, teachers: Sequence[str] = ()) -> Chips:
    """Open complete chips, with the predictions of these teachers.

    Raises:
        OSError, ValueError: they are missing or not complete.
    """
    reasons = json.loads((folder / "done.json").read_text(encoding="utf-8"))
    state, predictions = np.load(folder / "state.npy"), np.load(folder / "teachers.npy")
    no_face = {int(index): NO_FACE for index in np.flatnonzero(state == _NO_FACE)}
    return Chips(
        pixels=np.load(folder / "pixels.npy", mmap_mode="r"),
        cut=np.asarray(state == _CUT),
        missing=dict(sorted((no_face | {int(index): reason for index, reason in reasons.items()}).items())),
        teachers={teacher: predictions[row] for row, teacher in enumerate(teachers)},
    )


class Writer:
    """Writes chips to disk: :meth:`put` those of :attr:`to_do`, then :meth:`finish`."""

    def __init__(self, folder: Path, key: str, count: int, side: int, teachers: Sequence[str] = ()) -> None:
        """Continue the chips of ``key``, a digest of everything they depend on, or start them.

        There are `count` (N) chips of `side` (C) pixels with their margin.

        Raises:
            UsageError: there is not enough space, or the folder cannot be written.
        """
        self._folder = folder
        self._teachers = tuple(teachers)
        self._pending: list[tuple[NDArray[np.int64], int]] = []
        try:
            if not self._same(key):
                self._begin(key, count, side)
            self._pixels = np.load(folder / "pixels.npy", mmap_mode="r+")
            self._state = np.load(folder / "state.npy", mmap_mode="r+")
            self._predictions = np.load(folder / "teachers.npy", mmap_mode="r+")
        except (OSError, ValueError) as exc:
            raise UsageError(f"{folder}: {count} chips of {side} pixels cannot be stored there: {exc}") from exc

    @property
    def finished(self) -> bool:
        """Whether the chips are complete."""
        return (self._folder / "done.json").is_file()

    @property
    def to_do(self) -> NDArray[np.int64]:
        """Indices of the faces still to be cut, ascending."""
        if self.finished:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self._state == _TO_DO).astype(np.int64)

    def put(
        self,
        indices: NDArray[np.int64],
        detected: NDArray[np.bool_],
        chips: Tensor,
        teachers: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """Store chips, (F, 3, C, C) in 0..255, and p_female by teacher, (F,), of F faces `detected` in B pictures."""
        faces = indices[detected]
        self._pixels[faces] = chips.round().clamp(0, 255).cpu().numpy().astype(np.uint8)
        for row, teacher in enumerate(self._teachers):
            self._predictions[row, faces] = (teachers or {})[teacher]
        self._pending += [(faces, _CUT), (indices[~detected], _NO_FACE)]
        if sum(len(pending) for pending, _ in self._pending) >= _FLUSH_EVERY:
            self.flush()

    def finish(self, unreadable: Mapping[int, str]) -> Chips:
        """Mark the chips as complete and open them; ``unreadable`` holds reasons for unreadable pictures by index."""
        if not self.finished:
            self.flush()
            files.write_json(self._folder / "done.json", {str(index): reason for index, reason in unreadable.items()})
        return opened(self._folder, self._teachers)

    def _same(self, key: str) -> bool:
        try:
            return bool(json.loads((self._folder / "key.json").read_text(encoding="utf-8")) == key)
        except (OSError, ValueError):
            return False

    def _begin(self, key: str, count: int, side: int) -> None:
        remove(self._folder)
        self._folder.mkdir(parents=True)
        _reserve(self._folder / "pixels.npy", (count, 3, side, side), np.uint8)
        _reserve(self._folder / "state.npy", (count,), np.uint8)
        _reserve(self._folder / "teachers.npy", (len(self._teachers), count), np.float32)
        np.load(self._folder / "teachers.npy", mmap_mode="r+")[:] = np.nan
        (self._folder / "key.json").write_text(json.dumps(key), encoding="utf-8")

    def flush(self) -> None:
        """Write the pixels before their state, so that an interruption in between loses no chip."""
        self._pixels.flush()
        self._predictions.flush()
        for faces, state in self._pending:
            self._state[faces] = state
        self._state.flush()
        self._pending = []


def _reserve(path: Path, shape: tuple[int, ...], kind: type) -> None:
    """Create an array of zeros and allocate its space, so that a full disk is an error at once."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape)
    size = path.stat().st_size
    del array
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)
