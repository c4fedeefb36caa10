"""Faces among which a training set is chosen: what a model said of each, and where each was seen."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.spec import FEMALE, MALE


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pictures of N faces; any number of a track.

    Attributes:
        path: (N,) the file of each picture.
        row: (N,) its row in a Parquet shard; -1 where the file itself is the picture.
        p_female: (N,) calibrated and, where the track is known, the same for all faces of it: the sigmoid of the mean
            of their logits, as in the warehouse (macro pooled_probability).
        recording_id, programme, channel: (N,) empty where unknown.
        track: (N,) a number for each track, over all recordings; -1 where unknown: the face is its own.
        sample_index, face_index: (N,) the face in its recording; -1 where there is none.
        config_digest: (N,) the analysis that found it; empty where there is none.
        face_pixels: (N,) lines of the face in a picture of 360; NaN where unknown.
        hour: (N,) 0 to 23 on the clock on the wall when it was on air; -1 where unknown.
        fingerprint: (N,) what the picture looks like, in 64 bits (:mod:`gfpipe.curation.duplicates`).

    Raises:
        ValueError: the columns differ in length, or a probability is none.
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
            raise ValueError(f"{self.p_female[wrong][0]} is no probability; leave faces out that nobody classified")

    def __len__(self) -> int:
        return len(self.p_female)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(N,) how sure the model is, 0 to 1: |2p - 1|; rounded, so that 0.95 is as sure as a threshold of 0.9."""
        return np.asarray(np.round(np.abs(2 * self.p_female - 1), 12), np.float64)

    @property
    def female(self) -> NDArray[np.bool_]:
        """(N,) whether the model rather sees a woman."""
        return self.p_female >= 0.5

    @property
    def perceived_gender(self) -> NDArray[np.str_]:
        """(N,) female or male, however unsure."""
        return np.where(self.female, FEMALE, MALE)

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "Candidates":
        """Some of them, in the order given."""
        return Candidates(**{column.name: getattr(self, column.name)[which] for column in fields(self)})


def together(parts: Iterable[Candidates]) -> Candidates:
    """One after the other; tracks must be numbered over all of them already.

    Raises:
        ValueError: there are none.
    """
    found = list(parts)
    names = [column.name for column in fields(Candidates)]
    return Candidates(**{name: np.concatenate([getattr(part, name) for part in found]) for name in names})
