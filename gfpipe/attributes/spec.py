"""What a classifier must be told beside its weights; a model's card holds these records."""

from dataclasses import dataclass, replace
from enum import StrEnum

FEMALE = "female"
MALE = "male"

Point = tuple[float, float]


class Activation(StrEnum):
    """How a head's numbers become probabilities."""

    SOFTMAX = "softmax"  # one number a class
    SIGMOID = "sigmoid"  # a yes or no for each class on its own; of several, each counts by its share of their sum
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
        channels: ``RGB`` or ``BGR``, the order of the network's planes and of ``mean`` and ``std``; or ``GREY`` for one
            plane, the luma of ITU-R BT.601.
        half_pixel_views: the answer is the mean over a chip and its four neighbours, shifted by half a pixel.
        flipped_view: the answer is the mean over a chip (or each of its views) and its mirror image.
        template: where eyes, nose and mouth corners (left to right in the picture) belong, in pixels of the chip.
        box_scale: where it is more than 0, the chip is no similarity to a template but the upright square around the
            middle of the detector's box, so many times as large as the box is high or wide, whichever is more.
            inaFaceAnalyzer takes 1.1 (Doukhan et al., face_preprocessing.py: smallest square, enlarged, 224 pixels);
            it also turns the eyes of dlib's 68 points level, and beyond the frame's edge it is black.
    """

    size: int | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: str = "RGB"
    template: tuple[Point, ...] = ()
    half_pixel_views: bool = False
    flipped_view: bool = False
    box_scale: float = 0.0

    def __post_init__(self) -> None:
        if self.channels not in ("RGB", "BGR", "GREY"):
            raise ValueError(f"channels must be RGB, BGR or GREY, got {self.channels!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(self.std):
            raise ValueError(f"mean and std are three numbers each, std never 0; got {self.mean} and {self.std}")
        if self.template and len(self.template) != 5:
            raise ValueError(f"a template has five points, got {len(self.template)}")
        if not 0 <= self.box_scale <= 10:
            raise ValueError(f"box_scale must be between 0 (none) and 10, got {self.box_scale}")
        if self.box_scale and self.template:
            raise ValueError("a chip is cut by a template or by box_scale: give one of them")

    def widened(self, beside: float) -> "InputSpec":
        """The same chip, as fine as it is, with ``beside`` more pixels on each side.

        Raises:
            ValueError: the size, or where the face belongs, is not known.
        """
        if self.size is None or not (self.template or self.box_scale):
            raise ValueError("size and template (or box_scale) of the chips are not known")
        return replace(
            self,
            size=round(self.size + 2 * beside),
            template=tuple((x + beside, y + beside) for x, y in self.template),
            box_scale=self.box_scale * (self.size + 2 * beside) / self.size,
        )

    @property
    def planes(self) -> int:
        """How many planes a chip has for the network."""
        return 1 if self.channels == "GREY" else 3


@dataclass(frozen=True)
class Head:
    """A run of the network's outputs that is read together; heads follow one another in the outputs.

    Attributes:
        attribute: what the head says of a face.
        classes: one name an output, ``female`` and ``male`` among them for perceived gender; or one of the two alone,
            which with a sigmoid (or as a probability) says all.
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
        if self.attribute is Attribute.PERCEIVED_GENDER and FEMALE not in self.classes and self.classes != (MALE,):
            raise ValueError(
                f"a head for perceived gender needs a class {FEMALE!r}, or {MALE!r} alone; got {self.classes}"
            )
        if self.classes == (MALE,) and self.activation is Activation.SOFTMAX:
            raise ValueError(f"a softmax over {MALE!r} alone is always 1: give the head a sigmoid")
        if self.attribute is Attribute.AGE and len(self.years) != len(self.classes):
            raise ValueError(f"{len(self.classes)} age classes, but {len(self.years)} years")
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
