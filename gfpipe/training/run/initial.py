"""Where training starts: a network of the recipe's name, with random weights or those of another model.

All of the other model is taken but its last layer, of which only the outputs that mean the same are.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gfpipe.attributes import networks
from gfpipe.attributes.spec import InputSpec
from gfpipe.errors import ModelError
from gfpipe.training.run.augment import seed_of

_UNIMPORTANT = "num_batches_tracked"  # older checkpoints lack it, and nothing depends on it


@dataclass(frozen=True)
class Initial:
    """Weights to start from.

    Attributes:
        source: where they are from, for messages.
        weights: a state dict.
        labels: what each output of its last layer means, such as ``perceived_gender: female``; empty where unknown.
        licence: what their publishers allow, where that is known.
        seen: digests of the faces that they have learned from already.
    """

    source: str
    weights: Mapping[str, Tensor]
    labels: tuple[str, ...] = ()
    licence: str = "not stated"
    seen: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))


def start(name: str, labels: Sequence[str], chip: InputSpec, seed: int, initial: Initial | None = None) -> nn.Module:
    """Make the network that training begins with.

    Args:
        name: of the network.
        labels: what each of its outputs will mean.
        chip: what it will see.
        seed: of the random weights.
        initial: what to take over; None for nothing.

    Raises:
        ModelError: no such network, one that cannot read such chips, or ``initial`` is another architecture's.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed_of(seed))
        network = networks.build(name, len(labels))
        _try(name, network, chip, len(labels))
    if initial:
        network.load_state_dict(_fitting(name, network, labels, initial))
    return network


def last_layer(network: nn.Module) -> str:
    """The name of the layer that gives the outputs: that called ``head``, or the last with weights."""
    names: list[str] = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return "head" if "head" in names else names[-1]


def renew(network: nn.Module, seed: int) -> None:
    """Give every layer random weights once more; buffers that no layer resets stay."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        for module in network.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()


def _try(name: str, network: nn.Module, chip: InputSpec, outputs: int) -> None:
    """Two chips through a copy of the network, so that what cannot be trained is known at once."""
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
        if not key.startswith(last) and not key.endswith(_UNIMPORTANT):
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
    wanted, given = ("nothing" if each is None else str(tuple(each.shape)) for each in (ours, theirs))
    raise ModelError(
        f"{source} is a checkpoint of another architecture than {name}: the network has {wanted} for {key}, "
        f"the checkpoint {given}"
    )


def _rows(ours: Tensor, theirs: Tensor | None, labels: Sequence[str], known: Sequence[str]) -> Tensor:
    """Our last layer's weights (outputs, …), with the rows of the other model that mean the same."""
    if theirs is None or theirs.shape[1:] != ours.shape[1:]:
        return ours
    if not known:
        return theirs if theirs.shape == ours.shape else ours
    rows = ours.clone()
    for row, label in enumerate(labels):
        if label in known and len(known) == len(theirs):
            rows[row] = theirs[list(known).index(label)]
    return rows
