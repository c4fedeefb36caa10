"""Faces found and cut once, for training: a run's own chips, and a bank of them that several runs share.

pictures -> those that a bank holds: copied -> the others: found by our own detector, cut with a margin -> chips on disk
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
from gfpipe.errors import UsageError
from gfpipe.faces import portraits
from gfpipe.faces.portraits import Picture
from gfpipe.lake import uses
from gfpipe.models import store
from gfpipe.progress import OnProgress, Progress, no_progress
from gfpipe.training.data import chips, material
from gfpipe.training.data.chips import Chips, Writer, with_margin
from gfpipe.training.data.records import LabelledImage

_BANK, _DIGESTS = "bank.json", "digests.npy"
_COPIED_AT_ONCE: Final = 256


@dataclass(frozen=True)
class Cutter:
    """How faces are found and cut.

    Attributes:
        chip: what the network takes; a margin is added.
        detector: the model that finds the faces.
        teachers: stored models that are asked about each face while it is at hand.
        bank: a folder of :func:`fill`; chips that were cut alike are copied from there. None for no such folder.
    """

    chip: InputSpec
    detector: str
    device: torch.device
    teachers: tuple[str, ...] = ()
    bank: Path | None = None

    @property
    def alike(self) -> str:
        """The same for cutters that cut the same chip of a picture."""
        chip = asdict(with_margin(self.chip))
        if not chip["box_scale"]:  # chips that were cut before there was such a key are not cut again
            del chip["box_scale"]
        return material.digest(chip, portraits.sha256_of(self.detector))


@dataclass(frozen=True)
class _Bank:
    """Chips that were cut before."""

    digests: NDArray[np.uint64]  # rising
    places: NDArray[np.int64]
    chips: Chips

    def find(self, digests: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(N,) the place of each picture; -1 for those that are not there, or could not be read."""
        at = np.searchsorted(self.digests, digests)
        at[at == len(self.digests)] = 0
        known = self.digests[at] == digests
        places = np.where(known, self.places[at], -1)
        lost = [place for place, reason in self.chips.missing.items() if reason != chips.NO_FACE]
        return np.where(np.isin(places, lost), -1, places)


def cut(
    folder: Path,
    pictures: Sequence[Picture],
    digests: NDArray[np.uint64],
    cutter: Cutter,
    content: str,
    on_progress: OnProgress = no_progress,
) -> Chips:
    """Find every face once and cut it with a margin; ask the teachers while it is at hand.

    Args:
        folder: where the chips lie; what an earlier run left there of the same content is not cut again.
        pictures: N of them, one face each.
        digests: (N,) of their files.
        cutter: how.
        content: says which pictures these are, and for what.
        on_progress: receives the pictures done, and N.

    Raises:
        UsageError: there is not room enough, or the folder cannot be written.
        LakeError: the pictures are crops of a lake that cannot be told so (:func:`gfpipe.lake.uses.register`).
        ModelError: the detector or a teacher cannot be had.
    """
    teachers = {name: portraits.open_classifier(name, cutter.device) for name in cutter.teachers}
    wanted = with_margin(cutter.chip)
    key = material.digest(content, cutter.alike, [store.card(name).sha256 for name in teachers])
    uses.register(folder, crops_among(pictures))  # before the first chip is there: a purge must find them
    writer = Writer(folder, key, len(pictures), wanted.size or 0, cutter.teachers)
    if cutter.bank is not None and not teachers and not writer.finished:
        _copy(writer, digests, _open(cutter.bank, cutter.alike))
    unreadable: list[tuple[int, str]] = []
    to_do = writer.to_do
    if len(to_do):
        detect = portraits.open_detector(cutter.detector, cutter.device)
        for found in portraits.find((pictures[i] for i in to_do), detect, unreadable):
            pieces = portraits.chips(found, wanted, cutter.device)
            writer.put(to_do[found.index], found.detected, pieces, _answers(teachers, found, cutter.device))
            on_progress(Progress("cutting chips", len(pictures) - len(to_do) + int(found.index[-1]) + 1, len(pictures)))
    return writer.finish({int(to_do[place]): reason for place, reason in unreadable})


def crops_among(pictures: Sequence[Picture]) -> set[Path]:
    """The shards that those of the pictures lie in which are crops of a lake."""
    return {each.path for each in pictures if isinstance(each, LabelledImage) and each.row is not None}


def fill(
    folder: Path,
    pictures: Sequence[Picture],
    digests: NDArray[np.uint64],
    cutter: Cutter,
    on_progress: OnProgress = no_progress,
) -> None:
    """Cut pictures for several runs to copy from; what was cut before is left as it is.

    Raises:
        UsageError: there is not room enough, or the folder cannot be written.
    """
    cut(folder, pictures, digests, cutter, material.digest(digests.tolist()), on_progress)
    try:
        np.save(folder / _DIGESTS, digests)
        (folder / _BANK).write_text(json.dumps(cutter.alike), encoding="utf-8")  # last: it says that all is there
    except OSError as exc:
        raise UsageError(f"{folder} cannot be written: {exc.strerror or exc}") from exc


def _open(folder: Path, alike: str) -> _Bank | None:
    """The bank, if there is one of such chips."""
    try:
        if json.loads((folder / _BANK).read_text(encoding="utf-8")) != alike:
            return None
        digests = np.load(folder / _DIGESTS, allow_pickle=False)
        order = np.argsort(digests)
        return _Bank(digests[order], order.astype(np.int64), chips.opened(folder))
    except (OSError, ValueError):
        return None


def _copy(writer: Writer, digests: NDArray[np.uint64], bank: _Bank | None) -> None:
    if bank is None or not len(bank.digests):
        return
    places = bank.find(digests)
    known = writer.to_do[places[writer.to_do] >= 0]
    for which in np.split(known, range(_COPIED_AT_ONCE, len(known), _COPIED_AT_ONCE)):
        there = places[which]
        found = bank.chips.cut[there]
        writer.put(which, found, torch.from_numpy(bank.chips.pixels[there[found]]).float())
    writer.settle()


def _answers(
    teachers: Mapping[str, Classifier], found: portraits.Portraits, device: torch.device
) -> dict[str, NDArray[np.float32]]:
    return {name: teach(portraits.chips(found, teach.spec.input, device)).p_female for name, teach in teachers.items()}
