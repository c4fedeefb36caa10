"""Converters from published files to state dicts of gfpipe's networks, as named in the catalogue."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing torch takes seconds
    from torch import Tensor

Converter = Callable[[bytes], "dict[str, Tensor]"]

# Imported on use: converters need torch, and libraries that analysis does not.
CONVERTERS = {
    "retinaface-onnx": "gfpipe.models.converters.retinaface:from_onnx",
    "cydral-gender": "gfpipe.models.converters.cydral:gender",
    "cydral-age": "gfpipe.models.converters.cydral:age",
    "checkpoint": "gfpipe.models.converters.checkpoint:state_dict",
    "fairface": "gfpipe.models.converters.checkpoint:fairface",
    "faceres": "gfpipe.models.converters.tensorflow_js:faceres",
    "onnx": "gfpipe.models.converters.onnx_file:graph",
}


def converter(name: str) -> Converter:
    """Import a converter by name."""
    module, function = CONVERTERS[name].split(":")
    return getattr(import_module(module), function)  # type: ignore[no-any-return]
