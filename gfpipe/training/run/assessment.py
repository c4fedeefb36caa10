"""Temperature, metrics and stored weights of a trained network."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gfpipe.attributes import classifier
from gfpipe.attributes.classifier import Attributes, Classifier
from gfpipe.attributes.spec import Attribute
from gfpipe.evaluation.measures import calibration
from gfpipe.models.card import Metric
from gfpipe.training.run import initial
from gfpipe.training.run.augment import centre
from gfpipe.training.run.job import Job
from gfpipe.training.run.validation import margins

_FEWEST_ERRORS: Final = 10  # a temperature fitted to fewer would mostly be chance


def temperature(job: Job, validation: NDArray[np.int64]) -> float:
    """The temperature fitted to the validation faces; 1 without a softmax over perceived gender or with few errors."""
    if not job.objective.divides_by_temperature:
        return 1.0
    margin = margins(job.network, job.examples.pixels, validation, replace(job, bf16=False))
    female = job.examples.female[validation]
    errors = int(((margin >= 0) != female).sum())
    return calibration.temperature(margin, female) if errors >= _FEWEST_ERRORS else 1.0


def without_ethnicity(job: Job, weights: dict[str, Tensor], outputs: int) -> dict[str, Tensor]:
    """The weights for the first ``outputs`` outputs: a stored model must not predict ethnicity, whose head is last."""
    last = f"{initial.last_layer(job.network)}."
    return {name: value[:outputs].clone() if name.startswith(last) else value for name, value in weights.items()}


def metrics(model: Classifier, job: Job, indices: NDArray[np.int64], data: str) -> Iterator[Metric]:
    """Metrics of the stored classifier on some faces: overall, of women and of men.

    Args:
        model: the stored classifier.
        job: the training, with its examples.
        indices: (B,) faces.
        data: describes the faces.
    """
    if not len(indices):
        return
    female, years = job.examples.female[indices], job.examples.age_years[indices]
    predictions = _predictions(model, job, indices)
    scores = {}
    if Attribute.PERCEIVED_GENDER in model.attributes:
        scores["accuracy"] = ((predictions.p_female >= 0.5) == female).astype(np.float64)
    if predictions.age_years is not None:
        scores["mean absolute error of age, years"] = np.abs(predictions.age_years - years).astype(np.float64)
    for name, values in scores.items():
        for group, mask in (("overall", np.ones_like(female)), ("female", female), ("male", ~female)):
            counted = mask & np.isfinite(values)
            if counted.any():
                source = "gfpipe train; faces that were not found are left out"
                about = f"{counted.sum():,} faces, {data}"
                yield Metric(name, round(float(values[counted].mean()), 5), about, source, group)


def _predictions(model: Classifier, job: Job, indices: NDArray[np.int64]) -> Attributes:
    batches = []
    for batch in np.split(indices, range(classifier.BATCH, len(indices), classifier.BATCH)):
        chips = centre(torch.from_numpy(job.examples.pixels[batch]), job.size, job.size)
        batches.append(model(torch.stack((chips, chips.flip(-1)), dim=1) if job.chip.flipped_view else chips))
    ages = [batch.age_years for batch in batches if batch.age_years is not None]
    return Attributes(np.concatenate([batch.p_female for batch in batches]), np.concatenate(ages) if ages else None)
