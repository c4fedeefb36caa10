"""Chips on disk: cut once, whole, and right; a kill costs a few of them."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gfpipe.errors import UsageError
from gfpipe.faces.alignment import chips_for
from gfpipe.training.data import chips
from gfpipe.training.data.chips import Writer, margin, with_margin
from gfpipe.training.run.augment import centre
from gfpipe.training.tables import Input

SIDE = 20


def cut(count: int, value: int = 7) -> torch.Tensor:
    return torch.full((count, 3, SIDE, SIDE), float(value))


def places(*which: int) -> NDArray[np.int64]:
    return np.array(which, np.int64)


def test_the_middle_of_a_chip_with_a_margin_is_the_chip() -> None:
    chance = np.random.default_rng(0)
    rough = np.repeat(np.repeat(chance.integers(0, 256, (1, 30, 30, 3)), 10, axis=1), 10, axis=2).astype(np.uint8)
    landmarks = np.array([[[120, 120], [180, 122], [150, 150], [128, 180], [174, 180]]], np.float32)
    spec = Input(size=48).spec
    whole = chips_for(with_margin(spec), rough, places(0), landmarks)
    assert whole.shape[-1] == 48 + 2 * margin(48)
    plain = chips_for(spec, rough, places(0), landmarks)
    assert (centre(whole, 48, 48) - plain).abs().max() < 2


def test_the_middle_of_a_square_with_a_margin_is_the_square() -> None:
    chance = np.random.default_rng(0)
    rough = np.repeat(np.repeat(chance.integers(0, 256, (1, 30, 30, 3)), 10, axis=1), 10, axis=2).astype(np.uint8)
    spec, box = Input(size=48, box_scale=1.1).spec, np.array([[90, 100, 190, 210]], np.float32)
    nowhere = np.full((1, 5, 2), np.nan, np.float32)
    whole = chips_for(with_margin(spec), rough, places(0), nowhere, box)
    assert whole.shape[-1] == 48 + 2 * margin(48)
    assert (centre(whole, 48, 48) - chips_for(spec, rough, places(0), nowhere, box)).abs().max() < 2


def test_chips_are_kept_with_what_was_not_found(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "chips", "key", 4, SIDE, ["teacher"])
    answers = {"teacher": np.array([0.25], np.float32)}
    writer.put(places(0, 2), np.array([True, False]), cut(1, 9), answers)
    writer.put(places(3), np.array([True]), cut(1, 300), answers)
    kept = writer.finish({1: "not a readable image"})
    assert kept.cut.tolist() == [True, False, False, True]
    assert kept.missing == {1: "not a readable image", 2: chips.NO_FACE}
    assert kept.pixels[:, 0, 0, 0].tolist() == [9, 0, 0, 255]
    np.testing.assert_array_equal(kept.teachers["teacher"], np.array([0.25, np.nan, np.nan, 0.25], np.float32))


def test_what_was_cut_is_not_cut_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chips, "_FLUSH_EVERY", 2)
    first = Writer(tmp_path / "chips", "key", 5, SIDE)
    first.put(places(0, 1), np.array([True, False]), cut(1))
    first.put(places(2), np.array([True]), cut(1))  # not yet on disk when the run is killed
    second = Writer(tmp_path / "chips", "key", 5, SIDE)
    assert second.to_do.tolist() == [2, 3, 4]
    second.put(places(2, 3, 4), np.array([True] * 3), cut(3))
    second.finish({})
    third = Writer(tmp_path / "chips", "key", 5, SIDE)
    assert third.finished
    assert not len(third.to_do)
    assert third.finish({}).cut.tolist() == [True, False, True, True, True]


def test_chips_of_something_else_are_cut_anew(tmp_path: Path) -> None:
    Writer(tmp_path / "chips", "key", 3, SIDE).finish({})
    assert Writer(tmp_path / "chips", "other", 3, SIDE).to_do.tolist() == [0, 1, 2]


def test_a_full_disk_is_known_before_anything_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(UsageError, match=r"3 chips of 20 pixels cannot be stored there: .*No space left"):
        Writer(tmp_path / "chips", "key", 3, SIDE)


def test_chips_are_removed(tmp_path: Path) -> None:
    Writer(tmp_path / "chips", "key", 3, SIDE).finish({})
    chips.remove(tmp_path / "chips")
    chips.remove(tmp_path / "chips")
    assert not list(tmp_path.iterdir())
