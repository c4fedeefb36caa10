"""PyTorch checkpoints to state dicts, without executing pickled code."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from typing import Any

import torch

from gfpipe.errors import ModelError

WRAPPERS = ("state_dict", "model_state_dict", "model")  # keys under which training scripts nest the weights
RACES = 7  # first outputs of FairFace


def state_dict(data: bytes) -> dict[str, torch.Tensor]:
    """Read a state dict, possibly nested, prefixed, or within a zip archive of one file.

    Raises:
        ModelError: the checkpoint has no weights, or content other than tensors and plain containers.
    """
    try:
        content = torch.load(io.BytesIO(_unzipped(data)), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        raise ModelError(
            "the checkpoint contains pickled code or objects besides weights and is not loaded; "
            "save it again with torch.save(model.state_dict(), …)"
        ) from exc
    except Exception as exc:  # zip, pickle and torch raise different exceptions for damaged files
        raise ModelError(f"not a PyTorch checkpoint: {exc}") from exc
    # Prefixes of DataParallel and torch.compile.
    bare = {key.removeprefix("module.").removeprefix("_orig_mod."): w for key, w in _weights(content).items()}
    return {name: tensor.contiguous() for name, tensor in bare.items()}


def fairface(data: bytes) -> dict[str, torch.Tensor]:
    """Read FairFace's ResNet-34 (outputs: race 7, gender 2, age 9, as in its ``predict.py``) without the race outputs.

    Raises:
        ModelError: the checkpoint is not FairFace's.
    """
    state = state_dict(data)
    head = state.get("fc.weight")
    if head is None or head.shape[0] != 18:
        raise ModelError(f"not FairFace's ResNet-34: fc.weight is {None if head is None else tuple(head.shape)}")
    return state | {name: state[name][RACES:].clone() for name in ("fc.weight", "fc.bias")}


def _unzipped(data: bytes) -> bytes:
    """Unpack a zip archive of one file; torch's own zip archives have several."""
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
        raise ModelError(f"the checkpoint is a {type(content).__name__}, not a state dict")
    if others := [str(name) for name, value in content.items() if not isinstance(value, torch.Tensor)]:
        raise ModelError(f"the checkpoint's entries {', '.join(others[:5])} are not tensors: not a state dict")
    return content
