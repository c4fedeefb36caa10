"""Test faces of a study of systems, speeds of networks on them, and stored runs: OUT/answers/SYSTEM-KEY.npz."""

import json
import time
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from gfpipe.attributes.device import resolve_device
from gfpipe.base import files
from gfpipe.base.arrays import array_dataclass
from gfpipe.base.progress import OnProgress
from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Floats, Labels, Trial
from gfpipe.faces import portraits
from gfpipe.faces.portraits import Portraits
from gfpipe.models import store
from gfpipe.studies.systems.outcome import Run
from gfpipe.training.data import datasets, material, records, splits
from gfpipe.training.data.datasets import LabelledImage
from gfpipe.training.data.splits import Faces

_ARRAYS: Final = ("p_female", "age_years")
_TIMED: Final = 128  # faces whose predictions are timed
_PASSES: Final = 3  # of which the fastest counts


@array_dataclass
class HeldOut:
    """The N test faces that every system is measured on: the test split by hash.

    Attributes:
        everything: M faces, to learn from and to test on.
        test: (M,) mask of the test faces.
        labels: of the N test faces.
        skipped: pictures left out, with the reason.
    """

    data: str
    everything: Faces
    test: NDArray[np.bool_]
    labels: Labels
    skipped: tuple[tuple[str, str], ...]

    @property
    def images(self) -> list[LabelledImage]:
        """The N pictures."""
        return [self.everything.images[index] for index in np.flatnonzero(self.test).tolist()]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of faces and labels."""
        labels = [self.labels.female.tolist(), self.labels.ethnicity.tolist(), str(self.labels.age_years.tolist())]
        return material.digest(self.everything.digests[self.test].tolist(), labels)

    def aligned(self, trial: Trial, model: str) -> tuple[Floats, Floats | None]:
        """(N,) p_female, and ages if the model predicts them, from a trial of some of these faces; NaN elsewhere."""
        answers = trial.of(model)
        positions = {face: index for index, face in enumerate(trial.labels.names.tolist())}
        rows = np.array([positions.get(face, -1) for face in self.labels.names.tolist()])

        def align(values: Floats) -> Floats:
            return np.where(rows < 0, np.nan, values[rows])

        return align(answers.p_female), None if answers.age_years is None else align(answers.age_years)

    def refuse_learned(self, model: str) -> None:
        """Raise a UsageError if a model has learned from some of these faces."""
        if seen := int(np.isin(self.everything.digests[self.test], store.seen(model)).sum()):
            raise UsageError(f"{model} has learned from {seen:,} of the test faces: it was trained with other splits")


def held_out(benchmark: str, on_progress: OnProgress) -> HeldOut:
    """Read and split a benchmark, as recipes do; raises UsageError if it cannot be used or has no test faces."""
    data = datasets.read_to_measure(benchmark)
    if data.broadcast:
        raise UsageError(f"{data.name} holds faces from broadcasts: systems are compared on benchmarks")
    faces = splits.distinct([data], on_progress)
    test = splits.parts(faces) == "test"
    if not test.any():
        raise UsageError(f"{data.name} has too few faces: {len(faces.images)}, and none in the split test")
    images = tuple(faces.images[index] for index in np.flatnonzero(test).tolist())
    skipped = tuple((picture.name, picture.reason) for picture in (*data.skipped, *faces.skipped))
    return HeldOut(data.name, faces, test, records.labels(images), skipped)


class Stopwatch:
    """Speed of networks on up to 128 of the test faces, in one batch: the fastest of three passes."""

    def __init__(self, faces: HeldOut, detector: str, device: str) -> None:
        self._faces, self._detector, self._device = faces, detector, resolve_device(device)
        self._detections: dict[str, list[Portraits]] = {}

    def speed(self, model: str | Path) -> float:
        """Faces per second, from chips to predictions."""
        classify = portraits.open_classifier(str(model), self._device, attribute=None)
        finder = portraits.detector_for(self._detector, store.card(model).detector)
        if finder not in self._detections:
            detect = portraits.open_detector(finder, self._device)
            self._detections[finder] = list(portraits.find(self._faces.images[:_TIMED], detect, []))
        batches = self._detections[finder]
        chips = torch.cat([portraits.chips(batch, classify.spec.input, self._device) for batch in batches])
        if not len(chips):
            raise UsageError("no face was found in any of the first test pictures: nothing can be timed")
        seconds = []
        for _ in range(_PASSES):
            start = time.perf_counter()
            classify(chips)
            seconds.append(time.perf_counter() - start)
        return len(chips) / min(seconds)


def threads(device: str) -> int:
    """Threads of a network; 0 on a GPU."""
    return 0 if resolve_device(device).type == "cuda" else torch.get_num_threads()


def load_run(path: Path) -> Run | None:
    """Read a stored run; None if the file is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Run(
                p_female=arrays["p_female"], age_years=arrays.get("age_years"), **json.loads(str(arrays["about"]))
            )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def store_run(path: Path, run: Run) -> Run:
    """Store a run; raises UsageError if the file cannot be written."""
    values = asdict(run)
    arrays = {name: value for name in _ARRAYS if (value := values.pop(name)) is not None}
    try:
        with files.replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, about=np.array(json.dumps(values)), **arrays)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror or exc}") from exc
    return run
