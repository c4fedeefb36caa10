"""Strata by which a set is balanced, and groups that no split divides."""

import hashlib
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.curation.candidates import Candidates

Names = NDArray[np.str_]

_UNKNOWN: Final = "unknown"
# Finer towards 1, where calibrated networks put most faces.
CONFIDENCE_EDGES: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
CONFIDENCE: Final = tuple(f"{low:g} to {high:g}" for low, high in pairwise(CONFIDENCE_EDGES))
_FACE_SIZE_EDGES: Final = (48.0, 96.0)  # as the macro face_size of sql/
_FACE_SIZE: Final = ("small", "medium", "large")


def _confidence(candidates: Candidates) -> Names:
    return np.array(CONFIDENCE)[np.digitize(candidates.confidence, CONFIDENCE_EDGES[1:-1])]


def _face_size(candidates: Candidates) -> Names:
    names = np.array(_FACE_SIZE)[np.digitize(candidates.face_pixels, _FACE_SIZE_EDGES)]
    return np.where(np.isnan(candidates.face_pixels), _UNKNOWN, names)


def _hour(candidates: Candidates) -> Names:
    return np.where(candidates.hour < 0, _UNKNOWN, candidates.hour.astype(np.str_))


def _or_unknown(names: Names) -> Names:
    return np.where(names == "", _UNKNOWN, names)


# Functions that return (N,) stratum names; unknown values are a stratum.
STRATA: Final[Mapping[str, Callable[[Candidates], Names]]] = {
    "confidence": _confidence,
    "channel": lambda candidates: _or_unknown(candidates.channel),
    "programme": lambda candidates: _or_unknown(candidates.programme),
    "face_size": _face_size,
    "hour": _hour,
}


def held_back(candidates: Candidates, share: float, seed: int) -> NDArray[np.bool_]:
    """(N,) mask of faces of validation programmes; where the programme is unknown, of recordings.

    Chosen by a hash of the name, so that a programme stays in its split as the archive grows. If a split would lack
    women or men, the programme with the smallest hash that gives both splits both is held back instead, if any.
    """
    female = candidates.female
    names, group = np.unique(_groups(candidates), return_inverse=True)
    women = np.bincount(group[female], minlength=len(names))
    men = np.bincount(group[~female], minlength=len(names))
    hashes = np.array([_digest(f"{seed}\0{name}") / 2**64 for name in names.tolist()])
    held = hashes < share
    if share and not _all_positive(women[held].sum(), men[held].sum(), women[~held].sum(), men[~held].sum()):
        possible = np.flatnonzero(_all_positive(women, men, women.sum() - women, men.sum() - men))
        held = np.isin(np.arange(len(names)), possible[np.argsort(hashes[possible])][:1])
    return np.asarray(held[group], np.bool_)


def identities(candidates: Candidates) -> NDArray[np.uint64]:
    """(N,) 64-bit hash of each face's identity: its position in its recording or, without one, its file."""
    return np.array([_digest(name) for name in _names(candidates)], np.uint64)


def _groups(candidates: Candidates) -> Names:
    own = np.array(_names(candidates), np.str_)
    recording = np.where(candidates.recording_id != "", np.strings.add("recording\0", candidates.recording_id), own)
    programme = np.strings.add("programme\0", candidates.programme)
    return np.where(candidates.programme != "", programme, recording)


def _names(candidates: Candidates) -> list[str]:
    columns = (candidates.recording_id, candidates.sample_index, candidates.face_index, candidates.path, candidates.row)
    return [
        f"face\0{recording}\0{sample}\0{face}" if recording and sample >= 0 else f"file\0{path}\0{row}"
        for recording, sample, face, path, row in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _all_positive(*counts: Any) -> NDArray[np.bool_]:
    return np.asarray(np.min(counts, axis=0) > 0)


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
