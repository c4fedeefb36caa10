"""Choice and precision of torch devices."""

from contextlib import AbstractContextManager, nullcontext

import torch

from gfpipe.choices import Device
from gfpipe.errors import UsageError


def resolve_device(name: str = Device.AUTO) -> torch.device:
    """The torch device named ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        UsageError: the name is unknown, or torch does not see that GPU.
    """
    if name == Device.AUTO:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as exc:
        raise UsageError(f"unknown device {name!r}: choose one of {', '.join(Device)}") from exc
    if device.type not in tuple(Device):
        raise UsageError(f"unsupported device {name!r}: choose one of {', '.join(Device)}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"device {name!r}: torch sees {torch.cuda.device_count()} CUDA GPUs; "
            "use --device cpu, or auto, which uses a GPU if there is one"
        )
    return device


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Compute convolutions in float32: cuDNN's default (TF32) changes results by 1e-3."""
    if device.type == "cuda":
        return torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False)
    return nullcontext()
