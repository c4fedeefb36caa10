"""A benchmark in place of an archive: its pictures as candidates with a model's predictions; labels are not read."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.curation import duplicates
from gfpipe.curation.candidates import Candidates
from gfpipe.training.data.datasets import LabelledImage


def from_dataset(
    images: Sequence[LabelledImage], p_female: NDArray[np.float64], on_progress: OnProgress = no_progress
) -> tuple[Candidates, NDArray[np.int64]]:
    """Make candidates of pictures.

    Each picture is a recording of its own, identified by its content, so file names do not influence the selection.

    Args:
        images: N pictures of one face each.
        p_female: (N,) calibrated predictions; NaN without a face.
        on_progress: receives the pictures done, and N.

    Returns:
        M candidates, and (M,) their indices among the images: readable pictures with a face.
    """
    readable, prints, names = [], [], []
    for index in np.flatnonzero(np.isfinite(p_female)).tolist():
        try:
            content = images[index].read()
            prints.append(duplicates.fingerprint(content))
        except (OSError, ValueError):
            continue
        names.append(hashlib.sha256(content).hexdigest()[:32])
        readable.append(index)
        on_progress(Progress("reading pictures", index + 1, len(images)))
    chosen, count = [images[index] for index in readable], len(readable)
    unknown = np.full(count, "", np.str_)
    candidates = Candidates(
        path=np.array([str(image.path.absolute()) for image in chosen], np.str_),
        row=np.array([-1 if image.row is None else image.row for image in chosen], np.int64),
        p_female=p_female[readable].astype(np.float64),
        recording_id=np.array(names, np.str_),
        programme=unknown,
        channel=unknown,
        track=np.full(count, -1, np.int64),
        sample_index=np.zeros(count, np.int64),
        face_index=np.zeros(count, np.int64),
        config_digest=unknown,
        face_pixels=np.full(count, np.nan),
        hour=np.full(count, -1, np.int64),
        fingerprint=np.array(prints, np.uint64),
    )
    return candidates, np.array(readable, np.int64)
