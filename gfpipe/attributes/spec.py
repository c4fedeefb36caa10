"""What a classifier must be told beside its weights; a model's card holds these records."""

from dataclasses import dataclass
from enum import StrEnum

FEMALE = "female"
MALE = "male"

Point = tuple[float, float]


class Activation(StrEnum):
    """How a head's numbers become probabilities."""

    SOFTMAX = "softmax"  # one number a class
    SIGMOID = "sigmoid"  # one number, for one class
    NONE = "none"  # the network gives probabilities already


class Attribute(StrEnum):
    """What a head says of a face."""

    PERCEIVED_GENDER = "perceived_gender"
    AGE = "age"


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: ``(value - mean) / std`` of pixel values in 0..255.

    Attributes:
        size: the side of the square chip in pixels; None where any size will do (detectors).
        channels: ``RGB`` or ``BGR``, the order of the network's planes and of ``mean`` and ``std``.
        half_pixel_views: the answer is the mean over a chip and its four neighbours, shifted by half a pixel.
        flipped_view: the answer is the mean over a chip (or each of its views) and its mirror image.
        template: where eyes, nose and mouth corners (left to right in the picture) belong, in pixels of the chip.
    """

    size: int | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: str = "RGB"
    template: tuple[Point, ...] = ()
    half_pixel_views: bool = False
    flipped_view: bool = False

    def __post_init__(self) -> None:
        if self.channels not in ("RGB", "BGR"):
            raise ValueError(f"channels must be RGB or BGR, got {self.channels!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(self.std):
            raise ValueError(f"mean and std are three numbers each, std never 0; got {self.mean} and {self.std}")
        if self.template and len(self.template) != 5:
            raise ValueError(f"a template has five points, got {len(self.template)}")


@dataclass(frozen=True)
class Head:
    """A run of the network's outputs that is read together; heads follow one another in the outputs.

    Attributes:
        attribute: what the head says of a face.
        classes: one name an output, ``female`` and ``male`` among them for perceived gender.
        years: for age, the years each class stands for; the answer is their expectation.
        activation: how the outputs become probabilities.
        temperature: what the outputs are divided by before that (Guo et al. 2017, equation 9), so that a model that was
            right nine times in ten says 0.9.
    """

    attribute: Attribute
    classes: tuple[str, ...]
    years: tuple[float, ...] = ()
    activation: Activation = Activation.SOFTMAX
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.attribute is Attribute.PERCEIVED_GENDER and FEMALE not in self.classes:
            raise ValueError(f"a head for perceived gender needs a class {FEMALE!r}, got {self.classes}")
        if self.attribute is Attribute.AGE and len(self.years) != len(self.classes):
            raise ValueError(f"{len(self.classes)} age classes, but {len(self.years)} years")
        if self.activation is Activation.SIGMOID and len(self.classes) != 1:
            raise ValueError(f"a sigmoid head has one output, got {self.classes}")
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"a temperature is more than 0, got {self.temperature}")
        if self.activation is Activation.NONE and self.temperature != 1:
            raise ValueError("probabilities have no temperature: give the head another activation")


@dataclass(frozen=True)
class ClassifierSpec:
    """All that a classifier is, but for its weights.

    Attributes:
        model_id: written beside every answer.
        network: the name of a builder in :mod:`gfpipe.attributes.networks`.
    """

    model_id: str
    network: str
    input: InputSpec
    heads: tuple[Head, ...]

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for one chip."""
        return sum(len(head.classes) for head in self.heads)
