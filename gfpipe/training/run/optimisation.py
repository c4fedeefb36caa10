"""Optimiser, learning rate and moving average of the weights."""

import math

import torch
from torch import nn

from gfpipe.errors import UsageError
from gfpipe.training.recipe import Stage


def optimiser(network: nn.Module, stage: Stage) -> torch.optim.Optimizer:
    """The stage's optimiser; biases and norms do not decay (He et al. 2019, "Bag of tricks", section 3.1)."""
    weights = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": weights, "weight_decay": stage.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if stage.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=stage.rate, momentum=0.9, nesterov=True, fused=True)
    return torch.optim.AdamW(groups, lr=stage.rate, fused=True)


def frozen_part(network: nn.Module, last: str) -> list[nn.Module]:
    """The layers up to and with those of the module ``last``, in order of definition; none if its name is empty.

    Raises:
        UsageError: the network has no such module.
    """
    layers = [(name, module) for name, module in network.named_modules() if not list(module.children())]
    within = [index for index, (name, _) in enumerate(layers) if last and f"{name}.".startswith(f"{last}.")]
    if last and not within:
        raise UsageError(f"the network has no layers {last!r} to freeze: choose from {', '.join(n for n, _ in layers)}")
    return [module for _, module in layers[: max(within, default=-1) + 1]]


def learning_rate(stage: Stage, step: int, total: int) -> float:
    """The rate of a step: linear warm-up, then constant or half a cosine (Loshchilov and Hutter 2017)."""
    warm_up = min(1.0, (step + 1) / max(stage.warm_up * total, 1))
    decay = (1 + math.cos(math.pi * step / total)) / 2 if stage.schedule == "cosine" else 1.0
    return stage.rate * warm_up * decay


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, updates: int) -> None:
    """Move the exponential moving average of weights and buffers; faster during the first updates."""
    weight = 1 - min(decay, (1 + updates) / (10 + updates))
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, weight)
        else:
            mean.copy_(value)
