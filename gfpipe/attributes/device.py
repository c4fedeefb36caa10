"""Where tensors live: a CPU or a GPU, as asked for and as the machine has it."""

import torch

from gfpipe.choices import Device
from gfpipe.errors import UsageError


def resolve_device(name: str = Device.AUTO) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` into a device that this machine has.

    Raises:
        UsageError: the name is none of these, or a GPU is asked for that torch cannot see.
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
            f"device {name!r} was asked for, but torch sees {torch.cuda.device_count()} CUDA GPUs here; "
            "use --device cpu (or auto, which takes a GPU where there is one)"
        )
    return device
