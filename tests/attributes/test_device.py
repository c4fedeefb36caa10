"""Choice of devices."""

import pytest
import torch

from gfpipe.attributes.device import gpus, resolve_device
from gfpipe.errors import UsageError


def test_auto() -> None:
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_gpus_are_counted_as_torch_counts_them() -> None:
    assert gpus() == torch.cuda.device_count()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu() -> None:
    with pytest.raises(UsageError, match="--device cpu"):
        resolve_device("cuda")


def test_missing_gpu() -> None:
    with pytest.raises(UsageError, match="cuda:99"):
        resolve_device("cuda:99")


@pytest.mark.parametrize("name", ["gpu", "", "meta", "cpu:", "cuda:x", "cuda:-1"])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(UsageError, match="auto, cpu, openvino, cuda"):
        resolve_device(name)
