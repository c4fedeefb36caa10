"""The tables of a recipe that hold for all stages: input, split, heads and augmentation."""

from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from gfpipe.attributes.spec import InputSpec, Point

# RetinaFace's five points in dlib's face chip of 224 pixels with padding 0.25, which FairFace uses.
TEMPLATE_SIZE: Final = 224
TEMPLATE: Final[tuple[Point, ...]] = (
    (69.6, 67.25),
    (149.96, 68.03),
    (109.45, 117.68),
    (75.02, 148.19),
    (144.67, 149.11),
)
# ImageNet's, with which torchvision's weights were trained.
MEAN: Final = (123.675, 116.28, 103.53)
STD: Final = (58.395, 57.12, 57.375)

Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=16, le=1024)]
HeldOut = Annotated[float, Field(ge=0, le=0.9)]
Weight = Annotated[float, Field(ge=0, le=100)]


@dataclass(frozen=True)
class Input:
    """The network's input.

    Attributes:
        size: side of the chip in pixels.
        template: positions of eyes, nose and mouth corners in the chip; empty for FairFace's chip, scaled to ``size``.
        mean, std: normalisation of pixel values in 0..255.
        channels: ``RGB``, ``BGR`` or ``GREY``.
        half_pixel_views, flipped_view: see :class:`gfpipe.attributes.spec.InputSpec`.
        box_scale: above 0, the chip is the square around the detector's box, enlarged by this factor; no template.
    """

    size: Side = 112
    template: tuple[Point, ...] = ()
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    channels: str = "RGB"
    half_pixel_views: bool = False
    flipped_view: bool = False
    box_scale: Annotated[float, Field(ge=0, le=10)] = 0.0

    def __post_init__(self) -> None:
        _ = self.spec

    @property
    def spec(self) -> InputSpec:
        """The input as a model's card holds it."""
        scale = self.size / TEMPLATE_SIZE
        scaled = tuple((round(x * scale, 3), round(y * scale, 3)) for x, y in TEMPLATE)
        return InputSpec(
            size=self.size,
            mean=self.mean,
            std=self.std,
            channels=self.channels,
            template=self.template or (() if self.box_scale else scaled),
            half_pixel_views=self.half_pixel_views,
            flipped_view=self.flipped_view,
            box_scale=self.box_scale,
        )


@dataclass(frozen=True)
class Split:
    """Shares of the faces held out: for early stopping and for testing."""

    validation: HeldOut = 0.05
    test: HeldOut = 0.15

    def __post_init__(self) -> None:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation and test together are {self.validation + self.test:g}: no face is left")


@dataclass(frozen=True)
class Heads:
    """Weights of the heads in the loss; 0 for no such head. The ethnicity head is not stored with the model.

    Attributes:
        perceived_gender_as: ``softmax`` over female and male, or ``sigmoids``: one binary output each.
        age_as: ``bell`` (81 classes, an age is a bell over its neighbours), ``years`` (regression, squared error), or
            ``bands`` (classes).
        age_bands: first years of the bands, ascending from 0.
    """

    perceived_gender: Weight = 1.0
    age: Weight = 0.0
    ethnicity: Weight = 0.0
    perceived_gender_as: Literal["softmax", "sigmoids"] = "softmax"
    age_as: Literal["bell", "years", "bands"] = "bell"
    age_bands: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.perceived_gender and not self.age:
            raise ValueError("perceived_gender and age are 0: give at least one a weight above 0")
        if (self.age_as == "bands") != bool(self.age_bands):
            raise ValueError("age_as = 'bands' and age_bands belong together: give both or neither")
        if self.age_bands and (self.age_bands[0] != 0 or list(self.age_bands) != sorted(set(self.age_bands))):
            raise ValueError(f"age_bands must start with 0 and ascend, got {list(self.age_bands)}")


@dataclass(frozen=True)
class Augment:
    """Random variation of the training chips; 0 for none.

    Attributes:
        flip: share of faces that are mirrored.
        scale: range of the logarithm of the size, ±: 0.18 for 84 to 120 %.
        rotate_degrees: range of the rotation, ±.
        shift: range of the translation, ±, as a share of half the chip's side.
        contrast, brightness, saturation: range of the change, ±, as a share.
        tint: range of the change of each colour channel, ±, as a share.
        grey: share of faces turned grey.
        reduce: share of faces downsampled to a side within ``reduce_pixels`` and upsampled again.
        erase: share of faces with a random rectangle erased (Zhong et al. 2020).
        mixup: alpha of the Beta distribution of mixup (Zhang et al. 2018).
    """

    flip: Share = 0.0
    scale: Share = 0.0
    rotate_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    shift: Share = 0.0
    contrast: Share = 0.0
    brightness: Share = 0.0
    saturation: Share = 0.0
    tint: Share = 0.0
    grey: Share = 0.0
    reduce: Share = 0.0
    reduce_pixels: tuple[int, int] = (20, 72)
    erase: Share = 0.0
    mixup: Annotated[float, Field(ge=0, le=10)] = 0.0

    def __post_init__(self) -> None:
        least, most = self.reduce_pixels
        if not 4 <= least <= most:
            raise ValueError(f"reduce_pixels is [{least}, {most}]; give the smaller first, at least 4")
