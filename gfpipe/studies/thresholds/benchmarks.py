"""A benchmark in the place of an archive: its pictures as candidates, and what a model says of them; no label is read.

pictures -> what each looks like, by which file it is known -> candidates, beside the model's answers

So a study can tell afterwards, by the labels it hid, how many of the model's own labels were wrong.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gfpipe.curation import duplicates
from gfpipe.curation.candidates import Candidates
from gfpipe.progress import OnProgress, Progress, no_progress
from gfpipe.training.data.datasets import LabelledImage


def from_dataset(
    images: Sequence[LabelledImage], p_female: NDArray[np.float64], on_progress: OnProgress = no_progress
) -> tuple[Candidates, NDArray[np.int64]]:
    """Make candidates of pictures whose faces a model has read.

    Each picture is a recording of its own, known by its content: the same files are chosen whatever they are called.

    Args:
        images: N pictures of one face each; of their labels nothing is looked at.
        p_female: (N,) what the model says, calibrated; NaN where no face was found.
        on_progress: receives the pictures done, and N.

    Returns:
        The candidates, and (M,) which of the images each is: those in which a face was found, and that can be read.
    """
    kept, prints, names = [], [], []
    for place in np.flatnonzero(np.isfinite(p_female)).tolist():
        try:
            content = images[place].read()
            prints.append(duplicates.fingerprint(content))
        except (OSError, ValueError):
            continue
        names.append(hashlib.sha256(content).hexdigest()[:32])
        kept.append(place)
        on_progress(Progress("reading pictures", place + 1, len(images)))
    which = np.array(kept, np.int64)
    return _candidates([images[place] for place in kept], p_female[which], names, prints), which


def _candidates(
    images: Sequence[LabelledImage], p_female: NDArray[np.float64], names: Sequence[str], prints: Sequence[int]
) -> Candidates:
    count = len(images)
    nowhere = np.full(count, "", np.str_)
    return Candidates(
        path=np.array([str(image.path.absolute()) for image in images], np.str_),
        row=np.array([-1 if image.row is None else image.row for image in images], np.int64),
        p_female=p_female.astype(np.float64),
        recording_id=np.array(names, np.str_),
        programme=nowhere,
        channel=nowhere,
        track=np.full(count, -1, np.int64),
        sample_index=np.zeros(count, np.int64),
        face_index=np.zeros(count, np.int64),
        config_digest=nowhere,
        face_pixels=np.full(count, np.nan),
        hour=np.full(count, -1, np.int64),
        fingerprint=np.array(prints, np.uint64),
    )
