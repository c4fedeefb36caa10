"""PyTorch checkpoints -> state dicts, without ever running what a pickle may hold."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from typing import Any

import torch

from gfpipe.errors import ModelError

WRAPPERS = ("state_dict", "model_state_dict", "model")  # under which training scripts nest the weights
PREFIXES = ("module.", "_orig_mod.")  # DataParallel's and torch.compile's
RACES = 7  # FairFace's first outputs


def state_dict(data: bytes) -> dict[str, torch.Tensor]:
    """Read a checkpoint: a state dict, maybe nested, prefixed, or alone in a zip archive.

    Raises:
        ModelError: it holds anything but tensors and plain containers, or no weights at all.
    """
    try:
        content = torch.load(io.BytesIO(_unzipped(data)), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        raise ModelError(
            "the checkpoint holds more than weights (pickled code or objects) and is refused; "
            f"save it again with torch.save(model.state_dict(), …). {str(exc).splitlines()[0]}"
        ) from exc
    except Exception as exc:  # damaged files make zip, pickle and torch each raise their own
        raise ModelError(f"not a PyTorch checkpoint: {exc}") from exc
    return {_bare(name): tensor.contiguous() for name, tensor in _weights(content).items()}


def fairface(data: bytes) -> dict[str, torch.Tensor]:
    """FairFace's ResNet-34 without its race outputs: ``fc`` keeps perceived gender (2) and age (9), in that order.

    The 18 outputs are race (7), gender (2), age (9): FairFace's ``predict.py``. gfpipe predicts no ethnicity,
    so those rows are dropped before anything is stored.

    Raises:
        ModelError: the checkpoint is not FairFace's.
    """
    state = state_dict(data)
    head = state.get("fc.weight")
    if head is None or head.shape[0] != 18:
        raise ModelError(f"not FairFace's ResNet-34: fc.weight is {None if head is None else tuple(head.shape)}")
    return state | {name: state[name][RACES:].clone() for name in ("fc.weight", "fc.bias")}


def _unzipped(data: bytes) -> bytes:
    """Torch's own files are zip archives too; an archive of one file around such a file is unpacked."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        return archive.read(names[0]) if len(names) == 1 else data


def _weights(content: Any) -> Mapping[str, torch.Tensor]:
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise ModelError(f"the checkpoint holds a {type(content).__name__}, not a state dict")
    others = [str(name) for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise ModelError(f"the checkpoint's entries {', '.join(others[:5])} are no tensors: not a state dict")
    return content


def _bare(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name
