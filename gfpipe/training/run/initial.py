"""Initial networks: random weights, or those of another model.

Of the other model's last layer, only the outputs with the same meaning are copied.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from gfpipe.attributes import networks
from gfpipe.attributes.spec import InputSpec
from gfpipe.errors import ModelError
from gfpipe.models import store
from gfpipe.models.converters import converter
from gfpipe.training.recipe import CYDRAL, Recipe
from gfpipe.training.run.augment import seed_of
from gfpipe.training.tables import Input

_OPTIONAL: Final = "num_batches_tracked"  # older checkpoints lack it, and no output depends on it
_CHECKPOINTS: Final = (".pt", ".pth", ".safetensors")


@dataclass(frozen=True)
class Initial:
    """Initial weights.

    Attributes:
        source: their origin, for messages.
        labels: the outputs of the last layer, such as ``perceived_gender: female``; empty if unknown.
        seen: digests of the faces they were trained on.
    """

    source: str
    weights: Mapping[str, Tensor]
    labels: tuple[str, ...] = ()
    licence: str = "not stated"
    seen: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))


def read(recipe: Recipe) -> tuple[Initial | None, InputSpec]:
    """The initial weights of a recipe, None for random ones; and the network's input, from the recipe or its models.

    Raises:
        ModelError: a model is unknown or cannot be fetched, or a file cannot be read.
    """
    configured = recipe.input.spec if recipe.input else None
    chip = configured or Input(size=32 if recipe.network == CYDRAL else Input.size).spec
    if not recipe.initial_models:
        return None, chip
    path = Path(recipe.initial)
    if path.suffix in _CHECKPOINTS:
        return Initial(recipe.initial, _checkpoint(path)), chip
    models = [store.open_model(model) for model in recipe.initial_models]
    source = " + ".join(model.card.id for model in models)
    licence = "; ".join(model.card.licence for model in models)
    seen = np.unique(np.concatenate([store.seen(model) for model in recipe.initial_models]))
    if len(models) == 2:
        weights = networks.CoarseAndFine.weights(*(model.weights for model in models))
        return Initial(source, weights, licence=licence, seen=seen), chip
    card = models[0].card
    labels = tuple(f"{head.attribute}: {name}" for head in card.heads for name in head.classes)
    if not configured and card.heads and card.input.size and (card.input.template or card.input.box_scale):
        chip = card.input
    return Initial(source, models[0].weights, labels, licence, seen), chip


def start(name: str, labels: Sequence[str], chip: InputSpec, seed: int, initial: Initial | None = None) -> nn.Module:
    """Build the network with outputs for `labels`, with random weights from `seed` and those of `initial`.

    Raises:
        ModelError: the network is unknown or does not take such chips, or ``initial`` is of another architecture.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed_of(seed))
        network = networks.build(name, len(labels))
        _try(name, network, chip, len(labels))
    if initial:
        network.load_state_dict(_fitting(name, network, labels, initial))
    return network


def last_layer(network: nn.Module) -> str:
    """The name of the output layer: the one called ``head``, or the last with weights."""
    names: list[str] = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return "head" if "head" in names else names[-1]


def renew(network: nn.Module, seed: int) -> None:
    """Reinitialise every layer; buffers that no layer resets stay."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        for module in network.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()


def _checkpoint(path: Path) -> Mapping[str, Tensor]:
    try:
        data = path.expanduser().read_bytes()
        return safetensors.torch.load(data) if path.suffix == ".safetensors" else converter("checkpoint")(data)
    except (OSError, SafetensorError) as exc:
        raise ModelError(f"{path}: the initial weights cannot be read: {exc}") from exc
    except ModelError as exc:
        raise ModelError(f"{path}: {exc}") from exc


def _try(name: str, network: nn.Module, chip: InputSpec, outputs: int) -> None:
    """Run two chips through a copy of the network, so that an unusable one fails before training."""
    try:
        with torch.no_grad():
            answer = copy.deepcopy(network).train()(torch.zeros(2, chip.planes, chip.size or 0, chip.size or 0))
    except Exception as exc:  # torch and torchvision raise errors of many kinds, assertions among them
        raise ModelError(f"the network {name} cannot be trained on chips of {chip.size} pixels: {exc}") from exc
    if not isinstance(answer, Tensor) or answer.shape != (2, outputs):
        raise ModelError(f"the network {name} has auxiliary outputs, which no recipe trains: choose another")


def _fitting(name: str, network: nn.Module, labels: Sequence[str], initial: Initial) -> dict[str, Tensor]:
    ours = network.state_dict()
    last = f"{last_layer(network)}."
    theirs = dict(initial.weights)
    for key in [*ours, *theirs]:
        if not key.startswith(last) and not key.endswith(_OPTIONAL):
            _check(name, key, ours.get(key), theirs.get(key), initial.source)
    body = {key: theirs.get(key, value) for key, value in ours.items() if not key.startswith(last)}
    heads = {
        key: _rows(value, theirs.get(key), labels, initial.labels)
        for key, value in ours.items()
        if key.startswith(last)
    }
    return body | heads


def _check(name: str, key: str, ours: Tensor | None, theirs: Tensor | None, source: str) -> None:
    if ours is not None and theirs is not None and ours.shape == theirs.shape:
        return
    expected, actual = ("nothing" if tensor is None else str(tuple(tensor.shape)) for tensor in (ours, theirs))
    raise ModelError(
        f"{source} is a checkpoint of another architecture than {name}: the network has {expected} for {key}, "
        f"the checkpoint {actual}"
    )


def _rows(ours: Tensor, theirs: Tensor | None, labels: Sequence[str], known: Sequence[str]) -> Tensor:
    """Our last layer's weights (outputs, …), with the rows of outputs that the other model has too."""
    if theirs is None or theirs.shape[1:] != ours.shape[1:]:
        return ours
    if not known:
        return theirs if theirs.shape == ours.shape else ours
    rows = ours.clone()
    for row, label in enumerate(labels):
        if label in known and len(known) == len(theirs):
            rows[row] = theirs[list(known).index(label)]
    return rows
