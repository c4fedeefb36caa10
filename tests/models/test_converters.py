"""Conversion of checkpoints and graphs; pickled code is not executed."""

import io
import zipfile
from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18

from gfpipe.errors import ModelError
from gfpipe.models.converters import checkpoint as converter
from gfpipe.models.converters import onnx_file

from .conftest import checkpoint

WEIGHTS = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.zeros(2)}


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weights.pth", data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        checkpoint(WEIGHTS),
        checkpoint({"state_dict": WEIGHTS, "epoch": 3}),
        checkpoint({"model": {f"module.{name}": tensor for name, tensor in WEIGHTS.items()}}),
        zipped(checkpoint(WEIGHTS)),
    ],
    ids=["plain", "nested", "data-parallel", "zipped"],
)
def test_nested_and_prefixed_weights(data: bytes) -> None:
    state = converter.state_dict(data)
    assert set(state) == set(WEIGHTS)
    assert torch.equal(state["fc.weight"], WEIGHTS["fc.weight"])


class Trap:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_pickled_code_is_not_executed(tmp_path: Path) -> None:
    data = checkpoint({"fc.weight": WEIGHTS["fc.weight"], "trap": Trap(tmp_path / "sprung")})
    with pytest.raises(ModelError, match="is not loaded"):
        converter.state_dict(data)
    assert not (tmp_path / "sprung").exists()
    torch.load(io.BytesIO(data), weights_only=False)
    assert (tmp_path / "sprung").exists(), "the trap is a real one"


def test_pickled_network() -> None:
    with pytest.raises(ModelError, match="is not loaded"):
        converter.state_dict(checkpoint(torch.nn.Linear(2, 2)))


@pytest.mark.parametrize(
    "data", [b"", b"no checkpoint", checkpoint(WEIGHTS)[:200], checkpoint([1, 2]), checkpoint({"a": 1})]
)
def test_invalid_state_dicts(data: bytes) -> None:
    with pytest.raises(ModelError):
        converter.state_dict(data)


def test_fairface_race_outputs_are_removed() -> None:
    network = resnet18(num_classes=18)  # its head is the ResNet-34's
    state = converter.fairface(checkpoint(network.state_dict()))
    assert state["fc.weight"].shape == (11, 512)
    assert torch.equal(state["fc.weight"], network.fc.weight[7:])
    assert torch.equal(state["fc.bias"], network.fc.bias[7:])


def test_other_network_as_fairface() -> None:
    with pytest.raises(ModelError, match="not FairFace"):
        converter.fairface(checkpoint(WEIGHTS))


def test_invalid_onnx_graph() -> None:
    with pytest.raises(ModelError, match="ONNX"):
        onnx_file.graph(b"no graph")


def test_keras_file() -> None:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("model.weights.h5", b"")
        keras = file.getvalue()
    for data in (b"\x89HDF\r\n\x1a\n and more", keras):
        with pytest.raises(ModelError, match=r"tf2onnx\.convert --keras model\.h5 --output model\.onnx"):
            onnx_file.graph(data)
