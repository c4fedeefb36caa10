"""Faceres gives the numbers of the published graph, computed with numpy from its unconverted weights."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gfpipe.attributes.faceres import FEATURES, OUTPUTS, FaceRes
from gfpipe.errors import ModelError
from gfpipe.models.converters import tensorflow_js

Array = NDArray[np.float32]
CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


@pytest.fixture(scope="module")
def published() -> dict[str, Array]:
    """Random weights under the names of the published graph."""
    random = np.random.default_rng(5)

    def kernel(*shape: int, inputs: int) -> Array:
        return random.normal(0, np.sqrt(2 / inputs), shape).astype(np.float16).astype(np.float32)

    def bias(count: int) -> Array:
        return random.uniform(0, 0.5, count).astype(np.float16).astype(np.float32)

    arrays = {
        "age_pred/kernel": kernel(256, 100, inputs=256),
        "age_pred/bias": bias(100),
        "feats/kernel": kernel(FEATURES, 256, inputs=FEATURES),
        "feats/bias": bias(256),
        "gender_pred/kernel": kernel(256, 1, inputs=256),
        "gender_pred/bias": bias(1),
        "conv1/convolution/merged_input": kernel(3, 3, 3, 32, inputs=27),
        "conv1_bn/batchnorm_1/sub": bias(32),
        "conv1_relu/Cast": np.array(6, np.float32),
    }
    for block, (inputs, outputs) in enumerate(pairwise(CHANNELS), start=1):
        arrays |= {
            f"conv_dw_{block}/depthwise_kernel": kernel(3, 3, inputs, 1, inputs=9),
            f"conv_dw_{block}_bn/batchnorm_1/mul": 0.75 + bias(inputs),
            f"conv_dw_{block}_bn/batchnorm_1/sub": bias(inputs),
            f"conv_pw_{block}/convolution/merged_input": kernel(1, 1, inputs, outputs, inputs=inputs),
            f"conv_pw_{block}_bn/batchnorm_1/sub": bias(outputs),
        }
    return arrays


def packed(arrays: dict[str, Array], kind: str = "float16") -> bytes:
    """The content of ``model.json`` and of its binary file."""
    weights = [
        {"name": name, "shape": list(array.shape), "dtype": "float32", "quantization": {"dtype": kind}}
        for name, array in arrays.items()
    ]
    text = json.dumps({"format": "graph-model", "weightsManifest": [{"paths": ["faceres.bin"], "weights": weights}]})
    return text.encode() + b"".join(array.astype("<f2").tobytes() for array in arrays.values())


def windows(x: Array, stride: int) -> Array:
    """(N, H, W, C) -> (N, H', W', C, 3, 3) with the padding "SAME" of TensorFlow's documentation."""
    pads = []
    for side in x.shape[1:3]:
        total = max((-(-side // stride) - 1) * stride + 3 - side, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    return sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]


def reference(arrays: dict[str, Array], x: Array) -> tuple[Array, Array, Array]:
    """The published graph, node by node: features (N, 1024), logits of male (N, 1) and of the ages (N, 100)."""

    def norm(layer: str) -> Array:
        return arrays[f"{layer}_bn/batchnorm_1/sub"]

    x = np.einsum("nhwcij,ijco->nhwo", windows(x, 2), arrays["conv1/convolution/merged_input"]) + norm("conv1")
    x = np.clip(x, 0, 6)
    for block, stride in enumerate(STRIDES, start=1):
        depthwise = arrays[f"conv_dw_{block}/depthwise_kernel"][..., 0]
        x = np.einsum("nhwcij,ijc->nhwc", windows(x, stride), depthwise)
        x = np.clip(x * arrays[f"conv_dw_{block}_bn/batchnorm_1/mul"] + norm(f"conv_dw_{block}"), 0, 6)
        x = np.clip(x @ arrays[f"conv_pw_{block}/convolution/merged_input"][0, 0] + norm(f"conv_pw_{block}"), 0, 6)
    features = x.mean(axis=(1, 2))
    hidden = np.maximum(features @ arrays["feats/kernel"] + arrays["feats/bias"], 0)
    male, ages = (hidden @ arrays[f"{head}/kernel"] + arrays[f"{head}/bias"] for head in ("gender_pred", "age_pred"))
    return features, male, ages


@pytest.mark.parametrize("side", [64, 41], ids=["even", "odd"])  # 41: 21, 11, 6, 3 and 2, so strides meet both
def test_outputs_are_those_of_the_published_graph(published: dict[str, Array], side: int) -> None:
    network = FaceRes().eval()
    network.load_state_dict(tensorflow_js.faceres(packed(published)))
    x = np.random.default_rng(6).normal(0, 1, (2, side, side, 3)).astype(np.float32)
    features, male, ages = reference(published, x)
    planes = torch.from_numpy(x).permute(0, 3, 1, 2)
    with torch.no_grad():
        ours = network.blocks(network.stem(planes)).mean((2, 3))
        outputs = network(planes)
    assert features.std() > 0.05, "the random network tells its inputs apart"
    np.testing.assert_allclose(ours, features, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(outputs, np.concatenate((male, ages), axis=1), rtol=1e-3, atol=1e-3)
    assert outputs.shape[1] == OUTPUTS


def test_weights_that_are_cut_off(published: dict[str, Array]) -> None:
    data = packed(published)
    for damaged in (data[:-1], data + b"\x00", data[:300], b"", b"[1]", b'{"weightsManifest": [{"weights": [7]}]}'):
        with pytest.raises(ModelError):
            tensorflow_js.faceres(damaged)


def test_weights_of_another_model(published: dict[str, Array]) -> None:
    with pytest.raises(ModelError, match="not faceres"):
        tensorflow_js.faceres(packed({"feats/bias": published["feats/bias"]}))


def test_weights_quantised_to_integers(published: dict[str, Array]) -> None:
    with pytest.raises(ModelError, match="uint8"):
        tensorflow_js.weights(packed(published, kind="uint8"))
