"""Parts of a model's card: input, heads and network of a classifier."""

from dataclasses import dataclass, replace
from enum import StrEnum

FEMALE = "female"
MALE = "male"
_LARGEST = 4096  # pixels of a chip's side

Point = tuple[float, float]


class Activation(StrEnum):
    """How a head's outputs become probabilities."""

    SOFTMAX = "softmax"  # over the classes
    SIGMOID = "sigmoid"  # per class; several classes are normalised to a sum of 1
    NONE = "none"  # outputs are probabilities


class Attribute(StrEnum):
    """What a head predicts."""

    PERCEIVED_GENDER = "perceived_gender"
    AGE = "age"


@dataclass(frozen=True)
class InputSpec:
    """Input of a network: ``(value - mean) / std`` of pixel values in 0..255.

    Attributes:
        size: side of the square chip in pixels; None if any size is valid (detectors).
        channels: ``RGB`` or ``BGR``, the order of the network's planes and of ``mean`` and ``std``; or ``GREY`` for one
            plane, the luma of ITU-R BT.601.
        half_pixel_views: average the outputs over a chip and its four neighbours, shifted by half a pixel.
        flipped_view: average the outputs over a chip (or each of its views) and its mirror image.
        template: positions of eyes, nose and mouth corners (left to right in the frame) in pixels of the chip.
        box_scale: if positive, the chip is not aligned to the template but is the upright square around the centre of
            the detector's box; its side is the longer side of the box times this factor. inaFaceAnalyzer uses 1.1
            (Doukhan et al., face_preprocessing.py), but rotates by the eyes, and pads with black.
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
        if self.size is not None and not 1 <= self.size <= _LARGEST:
            raise ValueError(f"size must be between 1 and {_LARGEST} pixels, got {self.size}")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(self.std):
            raise ValueError(f"mean and std must be three numbers each, std not 0; got {self.mean} and {self.std}")
        if self.template and len(self.template) != 5:
            raise ValueError(f"a template must have five points, got {len(self.template)}")
        if not 0 <= self.box_scale <= 10:
            raise ValueError(f"box_scale must be between 0 (none) and 10, got {self.box_scale}")
        if self.box_scale and self.template:
            raise ValueError("template and box_scale are mutually exclusive")

    def widened(self, margin: float) -> "InputSpec":
        """The same chip with ``margin`` more pixels on each side, at the same resolution.

        Raises:
            ValueError: the size, or both template and box_scale, are not set.
        """
        if self.size is None or not (self.template or self.box_scale):
            raise ValueError("chips need a size, and a template or box_scale")
        return replace(
            self,
            size=round(self.size + 2 * margin),
            template=tuple((x + margin, y + margin) for x, y in self.template),
            box_scale=self.box_scale * (self.size + 2 * margin) / self.size,
        )

    @property
    def planes(self) -> int:
        """Number of input planes."""
        return 1 if self.channels == "GREY" else 3


@dataclass(frozen=True)
class Head:
    """A range of the network's outputs; heads follow one another in the outputs.

    Attributes:
        classes: one name per output. Perceived gender needs ``female`` and ``male``, or with a sigmoid (or as a
            probability) one of them alone.
        years: for age, the years of each class; the prediction is their expectation.
        temperature: divisor of the outputs, which calibrates the probabilities (Guo et al. 2017, equation 9).
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
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        if self.activation is Activation.NONE and self.temperature != 1:
            raise ValueError("a head with activation none has no temperature")


@dataclass(frozen=True)
class ClassifierSpec:
    """A classifier without its weights."""

    model_id: str  # stored with every prediction
    network: str  # name in gfpipe.attributes.networks
    input: InputSpec
    heads: tuple[Head, ...]

    @property
    def outputs(self) -> int:
        """Number of outputs per chip."""
        return sum(len(head.classes) for head in self.heads)
