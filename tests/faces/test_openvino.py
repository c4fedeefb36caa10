"""The detector's network in OpenVINO: the outputs of PyTorch, without the network."""

import socket
import sys

import numpy as np
import pytest
import torch

from gfpipe.attributes import device
from gfpipe.errors import ModelError, UsageError
from gfpipe.faces import detector
from gfpipe.faces.boxes import iou
from gfpipe.models.store import StoredModel
from gfpipe.stages.analysis import demo

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU; there is none here")


def assert_same_faces(one: detector.Detector, other: detector.Detector) -> None:
    """On the demo's footage: each face of one is a face of the other."""
    frames = np.stack(list(demo.footage().frames((("both", 1), ("street", 1), ("man", 1))))[::8])
    found, expected = one(frames), other(frames)
    assert len(found) == len(expected) > 8
    for frame in range(len(frames)):
        overlaps = iou(found.boxes[found.frame_index == frame], expected.boxes[expected.frame_index == frame])
        assert (overlaps.max(axis=1, initial=0) >= 0.9).all()


@pytest.mark.parametrize("size", [(96, 160), (352, 640)])
def test_outputs_equal_those_of_pytorch_without_a_connection(
    mobilenet: StoredModel, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino", reason="needs the extra 'openvino'")

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    inputs = torch.randint(0, 256, (3, 3, *size), generator=torch.Generator().manual_seed(1)).float() - 115
    there = detector.load(mobilenet, "openvino").outputs(inputs)
    for ours, expected in zip(there, detector.load(mobilenet).outputs(inputs), strict=True):
        assert ours.shape == expected.shape
        assert (ours - expected).abs().max() < 3e-5


def test_faces_are_those_of_pytorch(mobilenet: StoredModel) -> None:
    pytest.importorskip("openvino", reason="needs the extra 'openvino'")
    assert_same_faces(detector.load(mobilenet, "openvino"), detector.load(mobilenet))


def test_without_openvino_the_error_says_what_to_install(
    mobilenet: StoredModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'gfpipe\[openvino\]'"):
        device.choose("openvino")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match=r"pip install 'gfpipe\[openvino\]'"):
        detector.load(mobilenet, "openvino")


@CUDA
def test_faces_with_tf32_are_those_of_full_precision(mobilenet: StoredModel) -> None:
    """What a GPU would have to show before networks may run in TF32: written, but not run so far."""
    fast = detector.load(mobilenet, "cuda")
    fast_outputs = fast._network

    def in_tf32(inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
            return fast_outputs(inputs)

    fast._network = in_tf32
    assert_same_faces(fast, detector.load(mobilenet))
