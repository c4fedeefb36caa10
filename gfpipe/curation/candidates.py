"""Candidate faces for a training set, with model output and provenance."""

from collections.abc import Iterable
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.spec import FEMALE, MALE
from gfpipe.base.arrays import array_dataclass


@array_dataclass
class Candidates:
    """Columns of N face images, several per track.

    Attributes:
        path: (N,) file of each image.
        row: (N,) its row in a Parquet shard; -1 if the file is the image.
        p_female: (N,) calibrated; equal for all faces of a track: the sigmoid of the mean of their logits, as in the
            warehouse (macro pooled_probability).
        recording_id, programme, channel: (N,) empty if unknown.
        track: (N,) track number, unique across recordings; -1 if unknown: the face is a track by itself.
        sample_index, face_index: (N,) position in the recording; -1 without a recording.
        config_digest: (N,) of the analysis that detected the face; empty without one.
        face_pixels: (N,) height of the face in a frame scaled to 360 lines; NaN if unknown.
        hour: (N,) local hour of broadcast, 0 to 23; -1 if unknown.
        fingerprint: (N,) 64-bit perceptual hash (:mod:`gfpipe.curation.duplicates`).

    Raises:
        ValueError: the columns differ in length, or a probability is not in [0, 1].
    """

    path: NDArray[np.str_]
    row: NDArray[np.int64]
    p_female: NDArray[np.float64]
    recording_id: NDArray[np.str_]
    programme: NDArray[np.str_]
    channel: NDArray[np.str_]
    track: NDArray[np.int64]
    sample_index: NDArray[np.int64]
    face_index: NDArray[np.int64]
    config_digest: NDArray[np.str_]
    face_pixels: NDArray[np.float64]
    hour: NDArray[np.int64]
    fingerprint: NDArray[np.uint64]

    def __post_init__(self) -> None:
        lengths = {column.name: len(getattr(self, column.name)) for column in fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the columns differ in length: {lengths}")
        wrong = ~((self.p_female >= 0) & (self.p_female <= 1))  # NaN too
        if wrong.any():
            raise ValueError(f"{self.p_female[wrong][0]} is not a probability; leave out unclassified faces")

    def __len__(self) -> int:
        return len(self.p_female)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(N,) |2p - 1|, 0 to 1; rounded, so that p = 0.95 reaches a threshold of 0.9."""
        return np.asarray(np.round(np.abs(2 * self.p_female - 1), 12), np.float64)

    @property
    def female(self) -> NDArray[np.bool_]:
        """(N,) whether p_female is at least 0.5."""
        return self.p_female >= 0.5

    @property
    def perceived_gender(self) -> NDArray[np.str_]:
        """(N,) female or male, whatever the confidence."""
        return np.where(self.female, FEMALE, MALE)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> "Candidates":
        """Select candidates by indices or a mask."""
        return Candidates(**{column.name: getattr(self, column.name)[index] for column in fields(self)})


def concatenate(parts: Iterable[Candidates]) -> Candidates:
    """Concatenate candidates, whose track numbers must be unique already; raises ValueError for no parts."""
    parts = list(parts)
    names = [column.name for column in fields(Candidates)]
    return Candidates(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
