"""Cuts the chips of a training; a bank of chips can be shared by several trainings.

pictures -> chips in the bank: copied -> other faces: detected and cut with a margin -> chips on disk
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.spec import InputSpec
from gfpipe.base import files
from gfpipe.base.arrays import array_dataclass
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.errors import UsageError
from gfpipe.faces import portraits
from gfpipe.faces.portraits import Picture
from gfpipe.lake import uses
from gfpipe.models import store
from gfpipe.training.data import chips, material
from gfpipe.training.data.chips import Chips, Writer, with_margin
from gfpipe.training.data.records import LabelledImage

_BANK, _DIGESTS = "bank.json", "digests.npy"
_BATCH: Final = 256


@dataclass(frozen=True)
class Cutter:
    """How faces are detected and cut.

    Attributes:
        chip: the network's input; a margin is added.
        teachers: stored models whose predictions for each face are stored too.
        bank: a folder of :func:`fill` to copy equal chips from; None for none.
    """

    chip: InputSpec
    detector: str
    device: torch.device
    teachers: tuple[str, ...] = ()
    bank: Path | None = None

    @property
    def digest(self) -> str:
        """Equal for cutters that cut the same chip of a picture."""
        return material.digest(asdict(with_margin(self.chip)), portraits.sha256_of(self.detector))


@array_dataclass
class _Bank:
    """Chips by the digests of their pictures, which ascend."""

    digests: NDArray[np.uint64]
    indices: NDArray[np.int64]
    chips: Chips

    def find(self, digests: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(N,) the index of each picture; -1 for those that are missing or were unreadable."""
        at = np.searchsorted(self.digests, digests)
        at[at == len(self.digests)] = 0
        known = self.digests[at] == digests
        indices = np.where(known, self.indices[at], -1)
        unreadable = [index for index, reason in self.chips.missing.items() if reason != chips.NO_FACE]
        return np.where(np.isin(indices, unreadable), -1, indices)


def cut(
    folder: Path,
    pictures: Sequence[Picture],
    digests: NDArray[np.uint64],
    cutter: Cutter,
    content: str,
    on_progress: OnProgress = no_progress,
) -> Chips:
    """Detect every face once, cut it with a margin, and run the teachers on it.

    Equal chips of an earlier run in the folder are reused: those of the same `content`, a digest of the N pictures and
    their use. `digests`, (N,), are those of the pictures' files.

    Raises:
        UsageError: there is not enough space, or the folder cannot be written.
        LakeError: the use of a lake's crops cannot be registered in it (:func:`gfpipe.lake.uses.register`).
        ModelError: the detector or a teacher cannot be fetched.
    """
    teachers = {name: portraits.open_classifier(name, cutter.device) for name in cutter.teachers}
    chip = with_margin(cutter.chip)
    key = material.digest(content, cutter.digest, [store.card(name).sha256 for name in teachers])
    uses.register(folder, crops_among(pictures))  # before the first chip is written: a purge must find it
    writer = Writer(folder, key, len(pictures), chip.size or 0, cutter.teachers)
    if cutter.bank is not None and not teachers and not writer.finished:
        _copy(writer, digests, _open(cutter.bank, cutter.digest))
    unreadable: list[tuple[int, str]] = []
    to_do = writer.to_do
    if len(to_do):
        detect = portraits.open_detector(cutter.detector, cutter.device)
        for batch in portraits.find((pictures[i] for i in to_do), detect, unreadable):
            pixels = portraits.chips(batch, chip, cutter.device)
            writer.put(to_do[batch.index], batch.detected, pixels, _predictions(teachers, batch, cutter.device))
            on_progress(Progress("cutting chips", len(pictures) - len(to_do) + int(batch.index[-1]) + 1, len(pictures)))
    return writer.finish({int(to_do[index]): reason for index, reason in unreadable})


def crops_among(pictures: Sequence[Picture]) -> set[Path]:
    """The shards of the pictures that are crops of a lake."""
    return {image.path for image in pictures if isinstance(image, LabelledImage) and image.row is not None}


def fill(
    folder: Path,
    pictures: Sequence[Picture],
    digests: NDArray[np.uint64],
    cutter: Cutter,
    on_progress: OnProgress = no_progress,
) -> None:
    """Cut a bank of chips for several runs to copy from; an equal bank is reused.

    Raises:
        UsageError: there is not enough space, or the folder cannot be written.
    """
    cut(folder, pictures, digests, cutter, material.digest(digests.tolist()), on_progress)
    try:
        np.save(folder / _DIGESTS, digests)
        files.write_json(folder / _BANK, cutter.digest)  # last, as it marks a complete bank
    except OSError as exc:
        raise UsageError(f"{folder} cannot be written: {exc.strerror or exc}") from exc


def _open(folder: Path, digest: str) -> _Bank | None:
    """The bank in a folder; None without a complete one of equal chips."""
    try:
        if json.loads((folder / _BANK).read_text(encoding="utf-8")) != digest:
            return None
        digests = np.load(folder / _DIGESTS, allow_pickle=False)
        order = np.argsort(digests)
        return _Bank(digests[order], order.astype(np.int64), chips.opened(folder))
    except (OSError, ValueError):
        return None


def _copy(writer: Writer, digests: NDArray[np.uint64], bank: _Bank | None) -> None:
    if bank is None or not len(bank.digests):
        return
    sources = bank.find(digests)
    known = writer.to_do[sources[writer.to_do] >= 0]
    for indices in np.split(known, range(_BATCH, len(known), _BATCH)):
        source = sources[indices]
        has_chip = bank.chips.cut[source]
        writer.put(indices, has_chip, torch.from_numpy(bank.chips.pixels[source[has_chip]]).float())
    writer.flush()


def _predictions(
    teachers: Mapping[str, Classifier], batch: portraits.Portraits, device: torch.device
) -> dict[str, NDArray[np.float32]]:
    return {
        name: classify(portraits.chips(batch, classify.spec.input, device)).p_female
        for name, classify in teachers.items()
    }
