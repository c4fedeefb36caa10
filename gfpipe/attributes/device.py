"""Choice and precision of devices. Devices are chosen without importing torch, which takes seconds."""

import ctypes
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gfpipe.choices import Device
from gfpipe.errors import UsageError

if TYPE_CHECKING:
    import torch


def choose(name: str = Device.AUTO) -> str:
    """The name that torch has for a device: ``cpu``, ``cuda`` or ``cuda:1``; auto is a GPU if there is one.

    Raises:
        UsageError: the name is unknown, torch cannot use that GPU, or OpenVINO is not installed.
    """
    if name == Device.AUTO:
        return Device.CUDA if gpus() else Device.CPU
    if name == Device.OPENVINO:
        if find_spec("openvino") is None:
            raise UsageError(f"device {name!r} needs openvino: pip install 'gfpipe[openvino]', or use --device cpu")
        return Device.CPU
    kind, colon, index = name.partition(":")
    if kind not in (Device.CPU, Device.CUDA) or (colon and not index.isdecimal()):
        raise UsageError(f"unknown device {name!r}: choose one of {', '.join(Device)}")
    if kind == Device.CUDA and int(index or 0) >= gpus():
        raise UsageError(
            f"device {name!r}: torch sees {gpus()} CUDA GPUs; "
            "use --device cpu, or auto, which uses a GPU if there is one"
        )
    return name


def is_gpu(name: str = Device.AUTO) -> bool:
    """Whether a device is a GPU; raises as :func:`choose` does."""
    return choose(name).startswith(Device.CUDA)


def resolve_device(name: str = Device.AUTO) -> "torch.device":
    """The torch device of a name; raises as :func:`choose` does."""
    import torch  # noqa: PLC0415

    return torch.device(choose(name))


@cache
def gpus() -> int:
    """Number of GPUs that torch can use, by the driver and ``CUDA_VISIBLE_DEVICES``; 0 for a build for CPUs."""
    torch = find_spec("torch")
    libraries = Path(torch.origin).with_name("lib") if torch and torch.origin else Path()
    if not any(libraries.glob("*torch_cuda.*")):
        return 0
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return 0 if failed else count.value


def full_precision(device: "torch.device") -> AbstractContextManager[None]:
    """Compute convolutions in float32: cuDNN's default (TF32) changes results by 1e-3."""
    import torch  # noqa: PLC0415

    if device.type == "cuda":
        return torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False)
    return nullcontext()
