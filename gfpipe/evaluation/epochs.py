"""Measurements of a training after each epoch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One epoch; one line of ``history.csv``.

    Attributes:
        epoch: from 1.
        train_loss: mean over the steps, of all heads, on augmented faces.
        validation_loss: mean negative log-likelihood of perceived gender; NaN without validation faces.
        validation_accuracy, validation_accuracy_women, validation_accuracy_men: in 0..1; NaN where not measured.
        seconds: of the whole epoch, including validation.
        images_per_second: in training.
        waited_seconds: time spent waiting for batches.
        rate: the last step's learning rate.
    """

    stage: str
    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    validation_accuracy_women: float
    validation_accuracy_men: float
    seconds: float
    images_per_second: float
    waited_seconds: float
    rate: float
