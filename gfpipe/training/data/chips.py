"""Chips cut once and kept as bytes on disk, so that no epoch decodes or detects anything.

    FOLDER/key.json       what they were cut from; chips of anything else are cut anew
    FOLDER/pixels.npy     (N, 3, C, C) uint8, mapped into memory
    FOLDER/state.npy      (N,) uint8, what became of each face
    FOLDER/teachers.npy   (T, N) float32, what stored models say of each face
    FOLDER/done.json      why pictures could not be read; written last, so it says that all is there

A run that was killed goes on with the faces whose state is still to do.
"""

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gfpipe import files
from gfpipe.attributes.spec import InputSpec
from gfpipe.errors import UsageError

_MARGIN: Final = 0.14  # of the chip's side on each side: what turning, shrinking and shifting bring into view
_TO_DO, _CUT, _NO_FACE = 0, 1, 2
_FACES_AT_ONCE: Final = 512  # between two writes to disk
NO_FACE: Final = "no face was found in it"


@dataclass(frozen=True)
class Chips:
    """What was cut.

    Attributes:
        pixels: (N, 3, C, C) uint8 RGB; zeros where there is none.
        cut: (N,) bool, whether there is a chip.
        missing: the place and the reason of each face without one.
        teachers: a stored model's id to (N,) its p_female, NaN where there is no chip.
    """

    pixels: NDArray[np.uint8]
    cut: NDArray[np.bool_]
    missing: Mapping[int, str]
    teachers: Mapping[str, NDArray[np.float32]]


def margin(size: int) -> int:
    """Pixels beside a chip of ``size`` on each side."""
    return math.ceil(size * _MARGIN)


def with_margin(chip: InputSpec) -> InputSpec:
    """The same chip with more around it, seen once: its template is moved by the margin, or its square enlarged."""
    return replace(chip.widened(margin(chip.size or 0)), half_pixel_views=False, flipped_view=False)


def remove(folder: Path) -> None:
    """Remove the chips; nothing happens where there are none."""
    shutil.rmtree(folder, ignore_errors=True)


def opened(folder: Path, teachers: Sequence[str] = ()) -> Chips:
    """Chips that were finished, with what these models said of them.

    Raises:
        OSError, ValueError: they are not there, or not finished.
    """
    reasons = json.loads((folder / "done.json").read_text(encoding="utf-8"))
    state, answers = np.load(folder / "state.npy"), np.load(folder / "teachers.npy")
    no_face = {int(place): NO_FACE for place in np.flatnonzero(state == _NO_FACE)}
    return Chips(
        pixels=np.load(folder / "pixels.npy", mmap_mode="r"),
        cut=np.asarray(state == _CUT),
        missing=dict(sorted((no_face | {int(place): reason for place, reason in reasons.items()}).items())),
        teachers={teacher: answers[row] for row, teacher in enumerate(teachers)},
    )


class Writer:
    """Chips on their way to disk. Give it what :attr:`to_do` names, then :meth:`finish`."""

    def __init__(self, folder: Path, key: str, count: int, side: int, teachers: Sequence[str] = ()) -> None:
        """Go on with the chips of ``key`` in ``folder``, or begin.

        Args:
            folder: where they lie.
            key: of everything that they depend on.
            count: faces, N.
            side: of a chip with its margin, C pixels.
            teachers: ids of the models whose answers are kept.

        Raises:
            UsageError: there is not room enough, or the folder cannot be written.
        """
        self._folder = folder
        self._teachers = tuple(teachers)
        self._pending: list[tuple[NDArray[np.int64], int]] = []
        try:
            if not self._same(key):
                self._begin(key, count, side)
            self._pixels = np.load(folder / "pixels.npy", mmap_mode="r+")
            self._state = np.load(folder / "state.npy", mmap_mode="r+")
            self._answers = np.load(folder / "teachers.npy", mmap_mode="r+")
        except (OSError, ValueError) as exc:
            raise UsageError(f"{folder}: {count} chips of {side} pixels cannot be kept there: {exc}") from exc

    @property
    def finished(self) -> bool:
        """Whether all was cut by an earlier run."""
        return (self._folder / "done.json").is_file()

    @property
    def to_do(self) -> NDArray[np.int64]:
        """The faces that are still to be cut, ascending."""
        if self.finished:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self._state == _TO_DO).astype(np.int64)

    def put(
        self,
        which: NDArray[np.int64],
        found: NDArray[np.bool_],
        chips: Tensor,
        teachers: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """Keep the chips of some faces.

        Args:
            which: (B,) faces that were looked for.
            found: (B,) bool, whether there is one; F of them are.
            chips: (F, 3, C, C) in 0..255.
            teachers: (F,) answers by model.
        """
        faces = which[found]
        self._pixels[faces] = chips.round().clamp(0, 255).cpu().numpy().astype(np.uint8)
        for row, teacher in enumerate(self._teachers):
            self._answers[row, faces] = (teachers or {})[teacher]
        self._pending += [(faces, _CUT), (which[~found], _NO_FACE)]
        if sum(len(each) for each, _ in self._pending) >= _FACES_AT_ONCE:
            self.settle()

    def finish(self, unreadable: Mapping[int, str]) -> Chips:
        """Say that all is there, and open it.

        Args:
            unreadable: the place and the reason of each picture that could not be read.
        """
        if not self.finished:
            self.settle()
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
        answers = np.load(self._folder / "teachers.npy", mmap_mode="r+")
        answers[:] = np.nan
        (self._folder / "key.json").write_text(json.dumps(key), encoding="utf-8")

    def settle(self) -> None:
        """First the pixels, then the word that they are there: a kill in between costs time, never a chip."""
        self._pixels.flush()
        self._answers.flush()
        for faces, state in self._pending:
            self._state[faces] = state
        self._state.flush()
        self._pending = []


def _reserve(path: Path, shape: tuple[int, ...], kind: type) -> None:
    """An array of zeros whose room on disk is taken now: a full disk is an error here, not a crash in the middle."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape)
    size = path.stat().st_size
    del array
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)
