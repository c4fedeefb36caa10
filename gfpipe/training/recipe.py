"""Recipes: how a model is trained, read from TOML. The built-in ones are in ``gfpipe/recipes``."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from gfpipe.base.validation import parse
from gfpipe.errors import UsageError
from gfpipe.training.data import mixtures
from gfpipe.training.tables import Augment, Heads, Input, Share, Split

BUILT_IN: Final = Path(__file__).parent.parent / "recipes"
SCRATCH: Final = "scratch"
LABELS, PRETEXT = "labels", "pretext"
CYDRAL: Final = "cydral-gender"  # the only network that takes chips of one size, 32


def _mixture(text: str) -> str:
    try:
        mixtures.parse(text)
    except UsageError as exc:
        raise ValueError(str(exc)) from exc
    return text


@dataclass(frozen=True)
class Stage:
    """Training on one mixture of data sets, from the best weights of the previous stage.

    Attributes:
        data: such as ``utkface`` or ``aaf + 20 % kaggle`` (:func:`gfpipe.training.data.mixtures.parse`).
        patience: epochs without a lower validation loss before the stage ends; 0 for no early stopping.
        rate: peak learning rate.
        schedule: ``cosine`` (down to 0) or ``constant``.
        warm_up: share of the steps in which the rate rises from 0.
        average: decay of the exponential moving average of the weights; 0 for none.
        balance: attributes whose cells are sampled equally often in an epoch: ``gender``, ``ethnicity``.
        only, without: filters of training and validation faces by attribute: ``{ethnicity = ["asian"]}``.
        size: side of smaller chips for this stage, in pixels; 0 for the network's own.
        epoch_faces: faces per epoch; 0 for the size of the data sets.
        teacher: a stored model to distil from; its predictions take ``teacher_weight`` of the label.
        task: ``labels``, or ``pretext`` for the network's self-supervised task.
        learns: the heads in this stage's loss; empty for all.
        masking: patches to mask, where the network masks any: ``random``, ``sensitive`` or ``other``.
        fresh: reinitialise the weights at the start of this stage; buffers stay.
        frozen: a module, such as ``blocks.5``: its weights and those of all before it stay as they are in this stage,
            which saves the time of their gradients; empty for none.
    """

    name: str
    data: Annotated[str, AfterValidator(_mixture)]
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    rate: Annotated[float, Field(ge=1e-9, le=100)]
    patience: Annotated[int, Field(ge=0, le=100_000)] = 0
    batch: Annotated[int, Field(ge=2, le=65_536)] = 64
    optimiser: Literal["adamw", "sgd"] = "adamw"
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.05
    schedule: Literal["cosine", "constant"] = "cosine"
    warm_up: Share = 0.1
    label_smoothing: Annotated[float, Field(ge=0, le=0.99)] = 0.0
    average: Annotated[float, Field(ge=0, le=0.999999)] = 0.0
    balance: tuple[mixtures.Attribute, ...] = ()
    only: Mapping[mixtures.Attribute, tuple[str, ...]] = field(default_factory=dict)
    without: Mapping[mixtures.Attribute, tuple[str, ...]] = field(default_factory=dict)
    size: Annotated[int, Field(ge=0, le=1024)] = 0
    epoch_faces: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    teacher: str = ""
    teacher_weight: Share = 0.0
    task: Literal["labels", "pretext"] = "labels"
    learns: tuple[Literal["perceived_gender", "age", "ethnicity"], ...] = ()
    masking: Literal["", "random", "sensitive", "other"] = ""
    fresh: bool = False
    frozen: str = ""

    def __post_init__(self) -> None:
        if 0 < self.size < 16:
            raise ValueError(f"size is {self.size}; choose 0 or between 16 and 1024")
        if self.epoch_faces == 1:
            raise ValueError("epoch_faces is 1; choose 0 or at least 2")
        if bool(self.teacher) != bool(self.teacher_weight):
            raise ValueError("teacher and teacher_weight belong together: give both or neither")


@dataclass(frozen=True)
class Reduced:
    """Changes that make a recipe small enough for two cores and ten minutes; 0 or empty for no change.

    Attributes:
        network: another network.
        size: side of the chips in pixels.
        epochs, epoch_faces: one number for each stage.
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
        name: the file's name without suffix.
        title: one line for people.
        network: a name in :mod:`gfpipe.attributes.networks`, as ``resnet18`` or ``cydral-gender+mobilenet_v2``.
        initial: ``scratch``, a model's id or folder, a checkpoint file (.pt, .pth, .safetensors), or ``A + B`` for
            the initial models of the coarse and the fine part of a network.
        seed: of all random numbers.
        precision: ``bf16``, ``fp32``, or ``auto``: bf16 where the processor supports it.
        input: None for the input of the initial model, if that classifies faces.
        detector: the face detector; empty for the pipeline's.
        least_bytes: smaller picture files are left out of training and validation, but stay in the test split.
        reduced: changes of :attr:`at_reduced_setting`; None where the recipe is small already.
    """

    name: str
    title: str
    network: str
    stages: tuple[Stage, ...]
    initial: str = SCRATCH
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    input: Input | None = None
    split: Split = Split()
    heads: Heads = Heads()
    augment: Augment = Augment()
    reduced: Reduced | None = None
    detector: str = ""
    least_bytes: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("there is no stage: add [[stages]] with name, data, epochs and rate")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"two stages have the same name: {', '.join(names)}")
        for name in ("epochs", "epoch_faces"):
            if self.reduced and len(getattr(self.reduced, name)) not in (0, len(self.stages)):
                raise ValueError(f"[reduced] {name} needs one number for each of the {len(self.stages)} stages")
        if any(stage.patience for stage in self.stages) and not self.split.validation:
            raise ValueError("patience needs validation faces: give [split] validation more than 0")
        if self.network == CYDRAL and ((self.input and self.input.size != 32) or any(s.size for s in self.stages)):
            raise ValueError(f"{CYDRAL} takes chips of 32 pixels, in every stage")

    @property
    def datasets(self) -> tuple[str, ...]:
        """The distinct names of the stages' data sets."""
        return tuple(dict.fromkeys(share.dataset for stage in self.stages for share in mixtures.parse(stage.data)))

    @property
    def initial_models(self) -> tuple[str, ...]:
        """Ids, folders or files of the initial models; empty for random weights."""
        return () if self.initial == SCRATCH else tuple(self.initial.split(" + "))

    @property
    def at_reduced_setting(self) -> "Recipe":
        """The recipe with the changes of ``[reduced]``, if it has any."""
        if (less := self.reduced) is None:
            return self
        keep = (0,) * len(self.stages)
        stages = tuple(
            replace(
                stage,
                epochs=epochs or stage.epochs,
                epoch_faces=faces or stage.epoch_faces,
                batch=less.batch or stage.batch,
            )
            for stage, epochs, faces in zip(self.stages, less.epochs or keep, less.epoch_faces or keep, strict=True)
        )
        chip = replace(self.input or Input(), size=less.size) if less.size else self.input
        return replace(self, network=less.network or self.network, input=chip, stages=stages, reduced=None)

    @property
    def digest(self) -> str:
        """SHA-256 of everything that changes the result: 64 hexadecimal digits."""
        content = {key: value for key, value in asdict(self).items() if key not in ("name", "title", "reduced")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def built_in() -> tuple[str, ...]:
    """The names of the built-in recipes."""
    return tuple(sorted(path.stem for path in BUILT_IN.rglob("*.toml")))


def find(name_or_path: str | Path) -> Recipe:
    """Read a built-in recipe by its name, or another by its file.

    Raises:
        UsageError: it does not exist or is not valid.
    """
    return load(_file(name_or_path))


def _file(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_file():
        return path
    if str(name_or_path) in built_in():
        return next(BUILT_IN.rglob(f"{name_or_path}.toml"))
    near = get_close_matches(str(name_or_path), built_in(), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(built_in())}"
    raise UsageError(f"no recipe {str(name_or_path)!r}, and no file of that name: {hint}")


def load(path: str | Path) -> Recipe:
    """Read a recipe from a file.

    With ``base = NAME`` (or a file) it takes every key that it does not state itself from that recipe. Tables merge
    by key, ``[[stages]]`` by name.

    Raises:
        UsageError: it cannot be read, or a key is unknown or missing, or a value not valid.
    """
    return parse(Recipe, _content(Path(path)), str(path), name=Path(path).stem)


def _content(path: Path, descendants: tuple[Path, ...] = ()) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise UsageError(f"{path}: no such recipe") from exc
    except (OSError, ValueError, RecursionError) as exc:
        raise UsageError(f"{path}: cannot be read as TOML: {exc}") from exc
    if (base := content.pop("base", None)) is None:
        return content
    if not isinstance(base, str):
        raise UsageError(f"{path}: base is not the name or file of a recipe")
    if path in descendants:
        raise UsageError(f"{path}: base {base!r} leads back to this recipe")
    try:
        inherited = _content(_file(base), (*descendants, path))
    except UsageError as exc:
        raise UsageError(f"{path}: base: {exc}") from exc
    return _merged(inherited, content)


def _merged(base: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    merged = base | content
    for key, value in content.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merged[key] = base[key] | value
    stages, own = base.get("stages", []), content.get("stages", [])
    if _are_tables(stages) and _are_tables(own):
        changes = {str(stage.get("name")): stage for stage in own}
        same = [stage | changes.pop(str(stage.get("name")), {}) for stage in stages]
        merged["stages"] = [*same, *changes.values()]
    return merged


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
