"""From what a source publishes to a state dict of one of our networks; each converter is named in the catalogue."""

from collections.abc import Callable
from importlib import import_module

import torch

from gfpipe.errors import ModelError

Converter = Callable[[bytes], dict[str, torch.Tensor]]

# Imported only when used: a converter may need libraries that analysing does not.
CONVERTERS = {
    "retinaface-onnx": "gfpipe.models.converters.retinaface:from_onnx",
    "cydral-gender": "gfpipe.models.converters.cydral:gender",
    "cydral-age": "gfpipe.models.converters.cydral:age",
    "checkpoint": "gfpipe.models.converters.checkpoint:state_dict",
    "fairface": "gfpipe.models.converters.checkpoint:fairface",
    "onnx": "gfpipe.models.converters.onnx_file:graph",
}


def converter(name: str) -> Converter:
    """The converter of that name.

    Raises:
        ModelError: there is none.
    """
    if name not in CONVERTERS:
        raise ModelError(f"unknown converter {name!r}: choose one of {', '.join(CONVERTERS)}")
    module, function = CONVERTERS[name].split(":")
    found: Converter = getattr(import_module(module), function)
    return found
