"""Weights of stored models, verified by the SHA-256 in their card."""

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safetensors import SafetensorError

from gfpipe.errors import ChecksumError, ModelError
from gfpipe.models.card import Card

if TYPE_CHECKING:  # importing torch takes seconds, and weights are verified without it
    from torch import Tensor

WEIGHTS: Final = "weights.safetensors"

Remedy = Callable[[Path], str]  # what to do about a folder with damage


def load_weights(folder: Path, card: Card, remedy: Remedy) -> "Mapping[str, Tensor]":
    """The weights of a model's folder by name, on the CPU.

    Raises:
        ChecksumError: they are not those of the card.
        ModelError: they cannot be read, or are not numbers.
    """
    import safetensors.torch  # noqa: PLC0415

    path = folder / WEIGHTS
    try:
        data = path.read_bytes()
        _compare(folder, hashlib.sha256(data).hexdigest(), card, remedy)
        weights = safetensors.torch.load(data)
    except (OSError, SafetensorError) as exc:
        raise _unreadable(folder, exc, remedy) from exc
    if wrong := next((name for name, weight in weights.items() if not weight.isfinite().all()), None):
        raise ModelError(f"{path}: {wrong} contains values that are not numbers, as of a training that diverged")
    return weights


def verify_weights(folder: Path, card: Card, remedy: Remedy) -> None:
    """Compare the weights of a model's folder with its card, without loading them; raises as :func:`load_weights` does.

    An unchanged file is read once in a process.
    """
    path = folder / WEIGHTS
    try:
        facts = path.stat()
        digest = _digest(path, facts.st_ino, facts.st_size, facts.st_mtime_ns)
    except OSError as exc:
        raise _unreadable(folder, exc, remedy) from exc
    _compare(folder, digest, card, remedy)


@lru_cache(maxsize=16)
def _digest(path: Path, *version: int) -> str:  # noqa: ARG001 - part of the key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _compare(folder: Path, digest: str, card: Card, remedy: Remedy) -> None:
    if digest != card.sha256:
        raise ChecksumError(
            f"{folder / WEIGHTS} has sha256 {digest}, but its card has {card.sha256}: the file was altered or is "
            f"incomplete; {remedy(folder)}"
        )


def _unreadable(folder: Path, exc: Exception, remedy: Remedy) -> ModelError:
    reason = getattr(exc, "strerror", None) or str(exc)
    return ModelError(f"{folder / WEIGHTS} cannot be read: {reason}; {remedy(folder)}")
