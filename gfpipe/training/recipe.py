"""Recipes: how a model is trained, read from TOML into frozen records; what is misspelt or impossible is refused.

The package's own lie in ``gfpipe/recipes``.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from gfpipe.attributes.spec import InputSpec, Point
from gfpipe.errors import UsageError
from gfpipe.training.data import mixtures
from gfpipe.training.strict import among, record, within

BUILT_IN: Final = Path(__file__).parent.parent / "recipes"
SCRATCH: Final = "scratch"
HEADS: Final = ("perceived_gender", "age", "ethnicity")
LABELS, PRETEXT = "labels", "pretext"
CYDRAL: Final = "cydral-gender"  # the only network that takes chips of one size, 32

# dlib's face chip of 224 pixels with padding 0.25, as FairFace cuts it: where RetinaFace's five points belong.
TEMPLATE_SIZE: Final = 224
TEMPLATE: Final[tuple[Point, ...]] = (
    (69.6, 67.25),
    (149.96, 68.03),
    (109.45, 117.68),
    (75.02, 148.19),
    (144.67, 149.11),
)
# Of ImageNet, which torchvision's weights were trained with.
MEAN: Final = (123.675, 116.28, 103.53)
STD: Final = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Input:
    """What the network sees.

    Attributes:
        size: side of the chip in pixels.
        template: where eyes, nose and mouth corners belong in it; empty for FairFace's chip, brought to ``size``.
        mean, std: of pixel values in 0..255.
        channels: ``RGB``, ``BGR`` or ``GREY``.
        half_pixel_views, flipped_view: see :class:`gfpipe.attributes.spec.InputSpec`.
        box_scale: more than 0 for the square around the detector's box, so many times as large, instead of a template.
    """

    size: int = 112
    template: tuple[Point, ...] = ()
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    channels: str = "RGB"
    half_pixel_views: bool = False
    flipped_view: bool = False
    box_scale: float = 0.0

    def __post_init__(self) -> None:
        within("size", self.size, 16, 1024)
        within("box_scale", self.box_scale, 0, 10)
        _ = self.spec

    @property
    def spec(self) -> InputSpec:
        """The same in the words of a model's card."""
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
    """Shares of the faces that are not trained on: to stop by, and to measure by."""

    validation: float = 0.05
    test: float = 0.15

    def __post_init__(self) -> None:
        within("validation", self.validation, 0, 0.9)
        within("test", self.test, 0, 0.9)
        if self.validation + self.test >= 1:
            raise ValueError(f"validation and test are {self.validation + self.test:g} together: nothing is left")


@dataclass(frozen=True)
class Heads:
    """Weights of what is learned, in the loss; 0 for no such head. Ethnicity is never part of the stored model.

    Attributes:
        perceived_gender_as: ``softmax`` over female and male, or ``sigmoids``: a yes or no for each.
        age_as: ``bell`` (81 classes, each age a bell over its neighbours), ``years`` (one number, squared error), or
            ``bands`` (classes).
        age_bands: the years with which bands begin, rising from 0.
    """

    perceived_gender: float = 1.0
    age: float = 0.0
    ethnicity: float = 0.0
    perceived_gender_as: str = "softmax"
    age_as: str = "bell"
    age_bands: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in HEADS:
            within(name, getattr(self, name), 0, 100)
        among("perceived_gender_as", self.perceived_gender_as, ("softmax", "sigmoids"))
        among("age_as", self.age_as, ("bell", "years", "bands"))
        if not self.perceived_gender and not self.age:
            raise ValueError("perceived_gender and age are 0: give one of them a weight, for nothing else is stored")
        if (self.age_as == "bands") != bool(self.age_bands):
            raise ValueError("age_as = 'bands' and age_bands belong together: give both or neither")
        if self.age_bands and (self.age_bands[0] != 0 or list(self.age_bands) != sorted(set(self.age_bands))):
            raise ValueError(f"age_bands begin with 0 and rise, got {list(self.age_bands)}")


@dataclass(frozen=True)
class Augment:
    """How chips are varied while a network learns; 0 for not at all.

    Attributes:
        flip: share of faces that are mirrored.
        scale: the logarithm of the size varies by so much both ways: 0.18 for 84 to 120 %.
        rotate_degrees: turned by up to so much both ways.
        shift: moved by up to this share of half the chip's side, both ways.
        contrast, brightness, saturation: these vary by up to this share, both ways.
        tint: each colour varies by up to this share on its own.
        grey: share of faces without colour.
        reduce: share of faces that are brought down to a side of ``reduce_pixels`` and up again.
        erase: share of faces of which a rectangle is painted over (Zhong et al. 2020).
        mixup: alpha of the Beta distribution by which two faces are mixed (Zhang et al. 2018).
    """

    flip: float = 0.0
    scale: float = 0.0
    rotate_degrees: float = 0.0
    shift: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    saturation: float = 0.0
    tint: float = 0.0
    grey: float = 0.0
    reduce: float = 0.0
    reduce_pixels: tuple[int, int] = (20, 72)
    erase: float = 0.0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "grey", "reduce", "erase", "scale", "shift", "contrast", "brightness", "saturation"):
            within(name, getattr(self, name), 0, 1)
        within("tint", self.tint, 0, 1)
        within("rotate_degrees", self.rotate_degrees, 0, 180)
        within("mixup", self.mixup, 0, 10)
        least, most = self.reduce_pixels
        if not 4 <= least <= most:
            raise ValueError(f"reduce_pixels is [{least}, {most}]; give the smaller first, at least 4")


@dataclass(frozen=True)
class Stage:
    """One run over a mixture of data sets; it begins with the best weights of the stage before.

    Attributes:
        data: such as ``utkface`` or ``aaf + 20 % kaggle`` (:func:`gfpipe.training.data.mixtures.parse`).
        patience: epochs without a lower validation loss after which the stage ends; 0 for never.
        rate: learning rate at its highest.
        schedule: ``cosine`` (down to 0) or ``constant``.
        warm_up: share of the steps in which the rate rises from 0.
        average: decay of the moving average of the weights that is measured and kept; 0 for none.
        balance: each epoch shows as many faces of each cell: ``gender``, ``ethnicity``, both, or nothing.
        only, without: which faces are trained on and stopped by, by attribute: ``{ethnicity = ["asian"]}``.
        size: smaller chips for this stage, in pixels; 0 for the network's own.
        epoch_faces: how many faces an epoch shows, whatever the data sets hold; 0 for as many as they hold.
        teacher: a stored model whose answers are learned too, with ``teacher_weight`` of the labels' place.
        task: ``labels``, or ``pretext`` for what the network can learn from faces without any.
        learns: which heads this stage learns; empty for all.
        masking: which patches a network hides while it learns, where it hides any: ``random``, ``sensitive`` or
            ``other``.
        fresh: the network begins this stage with random weights once more; what it measured (its buffers) stays.
    """

    name: str
    data: str
    epochs: int
    rate: float
    patience: int = 0
    batch: int = 64
    optimiser: str = "adamw"
    weight_decay: float = 0.05
    schedule: str = "cosine"
    warm_up: float = 0.1
    label_smoothing: float = 0.0
    average: float = 0.0
    balance: tuple[str, ...] = ()
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    size: int = 0
    epoch_faces: int = 0
    teacher: str = ""
    teacher_weight: float = 0.0
    task: str = LABELS
    learns: tuple[str, ...] = ()
    masking: str = ""
    fresh: bool = False

    def __post_init__(self) -> None:
        within("epochs", self.epochs, 1, 100_000)
        within("patience", self.patience, 0, 100_000)
        within("batch", self.batch, 2, 65_536)
        within("rate", self.rate, 1e-9, 100)
        within("weight_decay", self.weight_decay, 0, 10)
        within("warm_up", self.warm_up, 0, 1)
        within("label_smoothing", self.label_smoothing, 0, 0.99)
        within("average", self.average, 0, 0.999999)
        within("teacher_weight", self.teacher_weight, 0, 1)
        among("optimiser", self.optimiser, ("adamw", "sgd"))
        among("schedule", self.schedule, ("cosine", "constant"))
        among("task", self.task, (LABELS, PRETEXT))
        among("masking", self.masking, ("", "random", "sensitive", "other"))
        for name in self.learns:
            among("learns", name, HEADS)
        for key in ("balance", "only", "without"):
            for name in getattr(self, key):
                among(key, name, ("gender", "perceived_gender", "ethnicity", "age", "dataset"))
        if self.size:
            within("size", self.size, 16, 1024)
        if self.epoch_faces:
            within("epoch_faces", self.epoch_faces, 2, 100_000_000)
        if bool(self.teacher) != bool(self.teacher_weight):
            raise ValueError("teacher and teacher_weight belong together: give both or neither")
        mixtures.parse(self.data)


@dataclass(frozen=True)
class Reduced:
    """A recipe made small enough for two cores and ten minutes; what is 0 or empty stays as it is.

    Attributes:
        network: another network.
        size: of the chips, in pixels.
        epochs: of each stage.
        epoch_faces: of each stage.
        batch: of every stage.
    """

    network: str = ""
    size: int = 0
    epochs: tuple[int, ...] = ()
    epoch_faces: tuple[int, ...] = ()
    batch: int = 0


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        name: of the file, without its ending.
        title: one line for people.
        network: a name in :mod:`gfpipe.attributes.networks`, as ``resnet18`` or ``cydral-gender+mobilenet_v2``.
        initial: ``scratch``, a model's id or folder, a checkpoint file (.pt, .pth, .safetensors), or ``A + B`` for
            the models that the coarse and the fine part of a network begin with.
        seed: of everything that is left to chance.
        precision: ``bf16``, ``fp32``, or ``auto``: bf16 where the processor has it.
        input: None for that of the initial model, where it reads faces already.
        detector: the model that finds the faces; empty for the pipeline's own.
        least_bytes: pictures whose file is smaller are neither learned from nor stopped by; they stay in the test part.
        reduced: what :attr:`at_reduced_setting` changes; None where the recipe is small already.
    """

    name: str
    title: str
    network: str
    stages: tuple[Stage, ...]
    initial: str = SCRATCH
    seed: int = 0
    precision: str = "auto"
    input: Input | None = None
    split: Split = Split()
    heads: Heads = Heads()
    augment: Augment = Augment()
    reduced: Reduced | None = None
    detector: str = ""
    least_bytes: int = 0

    def __post_init__(self) -> None:
        within("least_bytes", self.least_bytes, 0, 2**31 - 1)
        among("precision", self.precision, ("auto", "bf16", "fp32"))
        within("seed", self.seed, 0, 2**31 - 1)
        if not self.stages:
            raise ValueError("there is no stage: add [[stages]] with name, data, epochs and rate")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"two stages have one name: {', '.join(names)}")
        for name in ("epochs", "epoch_faces"):
            if self.reduced and len(getattr(self.reduced, name)) not in (0, len(self.stages)):
                raise ValueError(f"[reduced] {name} has not one number for each of the {len(self.stages)} stages")
        if any(stage.patience for stage in self.stages) and not self.split.validation:
            raise ValueError("patience needs faces to stop by: give [split] validation more than 0")
        if self.network == CYDRAL and ((self.input and self.input.size != 32) or any(s.size for s in self.stages)):
            raise ValueError(f"{CYDRAL} takes chips of 32 pixels, in every stage")

    @property
    def datasets(self) -> tuple[str, ...]:
        """The names of the data sets that the stages ask for, each once."""
        return tuple(dict.fromkeys(share.dataset for stage in self.stages for share in mixtures.parse(stage.data)))

    @property
    def at_reduced_setting(self) -> "Recipe":
        """The recipe made small, where it says how; itself where it does not."""
        if (less := self.reduced) is None:
            return self
        stages = tuple(
            replace(
                stage,
                epochs=epochs or stage.epochs,
                epoch_faces=faces or stage.epoch_faces,
                batch=less.batch or stage.batch,
            )
            for stage, epochs, faces in zip(
                self.stages,
                less.epochs or (0,) * len(self.stages),
                less.epoch_faces or (0,) * len(self.stages),
                strict=True,
            )
        )
        given = replace(self.input or Input(), size=less.size) if less.size else self.input
        return replace(self, network=less.network or self.network, input=given, stages=stages, reduced=None)

    @property
    def digest(self) -> str:
        """Of all that changes what comes out: 64 hexadecimal digits."""
        content = {key: value for key, value in asdict(self).items() if key not in ("name", "title")}
        # Runs that began before there were these keys are the same without them.
        _forget(content, reduced=content["reduced"], detector="", least_bytes=0)
        if content["input"]:
            _forget(content["input"], channels="RGB", box_scale=0.0)
        _forget(content["heads"], perceived_gender_as="softmax", age_as="bell", age_bands=())
        for stage in content["stages"]:
            _forget(stage, epoch_faces=0, task=LABELS, learns=(), masking="", fresh=False)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _forget(content: dict[str, Any], **defaults: object) -> None:
    """Leave out the keys that have their defaults."""
    for key, default in defaults.items():
        if content[key] == default:
            del content[key]


def built_in() -> tuple[str, ...]:
    """The names of the package's own recipes."""
    return tuple(sorted(path.stem for path in BUILT_IN.rglob("*.toml")))


def find(name_or_path: str | Path) -> Recipe:
    """Read a recipe of the package by its name, or one of your own by its file.

    Raises:
        UsageError: there is none, or it is not valid.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_file():
        return load(path)
    if str(name_or_path) in built_in():
        return load(next(BUILT_IN.rglob(f"{name_or_path}.toml")))
    near = get_close_matches(str(name_or_path), built_in(), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(built_in())}"
    raise UsageError(f"no recipe {str(name_or_path)!r}, and no file of that name: {hint}")


def load(path: str | Path) -> Recipe:
    """Read a recipe from a file.

    Raises:
        UsageError: it cannot be read, or a key is unknown, missing, of the wrong kind or impossible; named.
    """
    path = Path(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise UsageError(f"{path}: no such recipe") from exc
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise UsageError(f"{path}: cannot be read as TOML: {exc}") from exc
    return record(Recipe, given, str(path), name=path.stem)
