"""Classifiers: parity with the published networks on any device and in any batch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from gfpipe.attributes import classifier
from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.networks import GRAPH
from gfpipe.attributes.spec import Activation, Attribute, ClassifierSpec, Head, InputSpec
from gfpipe.errors import ModelError
from gfpipe.models import catalog, sources, store
from gfpipe.models.converters import onnx_file

CPU = torch.device("cpu")
GENDER, AGE = "cydral-gender-v1", "cydral-age-v1"
Oracle = Callable[[torch.Tensor], NDArray[np.float32]]


@pytest.fixture(
    params=["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
)
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.param)


@pytest.fixture(scope="session")
def published() -> Callable[[str], bytes]:
    """The published ONNX graph of a model."""
    entries = catalog.read()
    return lambda name: sources.fetch(entries[name].source)


@pytest.fixture(scope="session")
def oracle(published: Callable[[str], bytes]) -> Callable[[str], Oracle]:
    """Probabilities by onnxruntime on the published graph, chips prepared as its wheel does."""

    def of(name: str) -> Oracle:
        session = onnxruntime.InferenceSession(published(name), providers=["CPUExecutionProvider"])
        mean = np.array([122.781998, 117.000999, 104.297997], np.float32).reshape(1, 3, 1, 1)

        def probabilities(chips: torch.Tensor) -> NDArray[np.float32]:
            answer: NDArray[np.float32] = session.run(None, {"images": (chips.numpy() - mean) / 256})[0]
            return answer

        return probabilities

    return of


def load(name: str, device: torch.device = CPU) -> Classifier:
    model = store.open_model(name)
    return classifier.load(model.card.classifier, model.weights, device)


def noise(size: int, count: int = 300) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.rand(count, 3, size, size, generator=generator) * 255


def faces(folder: Path, size: int, count: int = 200) -> torch.Tensor:
    """Unaligned faces, which suffice for parity."""
    files = sorted(folder.glob("*.jpg"))[:: max(1, len(list(folder.glob("*.jpg"))) // count)][:count]
    pictures = [Image.open(file).convert("RGB").crop((30, 30, 170, 170)).resize((size, size)) for file in files]
    return torch.from_numpy(np.stack([np.asarray(p) for p in pictures])).permute(0, 3, 1, 2).float()


def test_perceived_gender_agrees_with_onnxruntime_on_noise(
    oracle: Callable[[str], Oracle], device: torch.device
) -> None:
    chips = noise(32)
    answer = load(GENDER, device)(chips)
    assert answer.age_years is None
    assert np.abs(answer.p_female - oracle(GENDER)(chips)[:, 0]).max() < 1e-4


def test_perceived_gender_agrees_with_onnxruntime_on_faces(
    oracle: Callable[[str], Oracle], device: torch.device, shared: Path
) -> None:
    chips = faces(shared / "utkface" / "images", 32)
    expected = oracle(GENDER)(chips)[:, 0]
    assert min((expected < 0.1).sum(), (expected > 0.9).sum()) > 10, "the faces use the whole range of answers"
    assert np.abs(load(GENDER, device)(chips).p_female - expected).max() < 1e-4


def test_age_agrees_with_onnxruntime_on_noise(oracle: Callable[[str], Oracle], device: torch.device) -> None:
    chips = noise(64, 40)
    network = load(AGE, device)
    with torch.inference_mode():
        probabilities = network.outputs(chips).softmax(1).cpu().numpy()
    assert np.abs(probabilities - oracle(AGE)(chips)).max() < 1e-4


def test_age_agrees_with_onnxruntime_on_faces(
    oracle: Callable[[str], Oracle], device: torch.device, shared: Path
) -> None:
    chips = faces(shared / "utkface" / "images", 64, 60)
    years = np.array([0.25, *range(1, 81)], np.float32)
    answer = load(AGE, device)(chips)
    assert answer.age_years is not None
    assert np.isnan(answer.p_female).all(), "the age model says nothing of perceived gender"
    assert np.abs(answer.age_years - oracle(AGE)(chips) @ years).max() < 0.01


def test_onnx_file(oracle: Callable[[str], Oracle], published: Callable[[str], bytes]) -> None:
    head = Head(Attribute.PERCEIVED_GENDER, ("female", "male"), activation=Activation.NONE)
    spec = ClassifierSpec("ours", "onnx", load(GENDER).spec.input, (head,))
    weights = {GRAPH: torch.frombuffer(bytearray(published(GENDER)), dtype=torch.uint8)}
    chips = noise(32)
    answer = classifier.load(spec, weights, CPU)(chips)
    assert np.abs(answer.p_female - oracle(GENDER)(chips)[:, 0]).max() < 1e-4


def test_no_faces(device: torch.device) -> None:
    assert load(GENDER, device)(torch.zeros(0, 3, 32, 32)).p_female.shape == (0,)
    ages = load(AGE, device)(torch.zeros(0, 3, 64, 64)).age_years
    assert ages is not None
    assert ages.shape == (0,)


def test_outputs_of_views_are_averaged() -> None:
    model, chips = load(GENDER), noise(32, 12)
    with torch.inference_mode():
        expected = model.outputs(chips).view(4, 3, 2).mean(dim=1).softmax(dim=1)[:, 0]
    assert np.abs(model(chips.view(4, 3, 3, 32, 32)).p_female - expected.numpy()).max() < 1e-6
    assert model(torch.zeros(0, 5, 3, 32, 32)).p_female.shape == (0,)


def test_predictions_do_not_depend_on_the_batch() -> None:
    model, chips = load(GENDER), noise(32, classifier.BATCH + 44)
    singly = np.concatenate([model(chip[None]).p_female for chip in chips[:: len(chips) - 1]])
    assert np.abs(model(chips).p_female[[0, -1]] - singly).max() < 1e-5


@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (3, 32, 32), (2, 32, 32, 3)])
def test_chips_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(F, 3, 32, 32\)"):
        load(GENDER)(torch.zeros(shape))


def test_bgr_input() -> None:
    model = store.open_model(GENDER)
    rgb, chips = load(GENDER), noise(32, 4)
    blue_first = InputSpec(32, rgb.spec.input.mean[::-1], rgb.spec.input.std, "BGR")
    weights = dict(model.weights)
    weights["convolutions.0.weight"] = weights["convolutions.0.weight"].flip(1)
    spec = ClassifierSpec("bgr", "cydral-gender", blue_first, rgb.spec.heads)
    assert np.abs(classifier.load(spec, weights, CPU)(chips).p_female - rgb(chips).p_female).max() < 1e-5


def test_sigmoid_head() -> None:
    head = Head(Attribute.PERCEIVED_GENDER, ("female",), activation=Activation.SIGMOID)
    spec = ClassifierSpec("one", "squeezenet1_1", InputSpec(64, (0, 0, 0), (255, 255, 255)), (head,))
    torch.manual_seed(3)
    from gfpipe.attributes import networks

    network = networks.build("squeezenet1_1", 1).eval()
    model, chips = classifier.load(spec, network.state_dict(), CPU), noise(64, 3)
    with torch.inference_mode():
        expected = network(chips / 255).sigmoid()[:, 0].numpy()
    assert np.abs(model(chips).p_female - expected).max() < 1e-5


def test_unknown_network() -> None:
    spec = ClassifierSpec("x", "resnet9000", load(GENDER).spec.input, load(GENDER).spec.heads)
    with pytest.raises(ModelError, match="resnet9000"):
        classifier.load(spec, {}, CPU)


def test_graph_with_other_outputs_than_the_card(published: Callable[[str], bytes]) -> None:
    head = Head(Attribute.PERCEIVED_GENDER, ("female", "male"), activation=Activation.NONE)
    spec = ClassifierSpec("ours", "onnx", load(AGE).spec.input, (head,))
    weights = {GRAPH: torch.frombuffer(bytearray(published(AGE)), dtype=torch.uint8)}
    with pytest.raises(ModelError, match="the card's heads have 2 outputs"):
        classifier.load(spec, weights, CPU)(noise(64, 1))


def test_temperature_softens_probabilities() -> None:
    sure, chips = load(GENDER), noise(32, 20)
    (head,) = sure.spec.heads
    calm = ClassifierSpec("ours", sure.spec.network, sure.spec.input, (replace(head, temperature=2.0),))
    softened = classifier.load(calm, store.open_model(GENDER).weights, CPU)(chips).p_female
    p = sure(chips).p_female.astype(np.float64)
    expected = 1 / (1 + np.exp(-np.log(p / (1 - p)) / 2))
    assert np.abs(softened - expected).max() < 1e-5
    with pytest.raises(ValueError, match="temperature must be positive"):
        replace(head, temperature=0.0)
    with pytest.raises(ValueError, match="activation none has no temperature"):
        replace(head, activation=Activation.NONE, temperature=2.0)


def planes_last(size: int) -> bytes:
    """A graph as converted by tf2onnx from Keras: input (N, S, S, 3), output the logit of male, red minus blue."""
    chips = helper.make_tensor_value_info("input_1", TensorProto.FLOAT, ["unk__1", size, size, 3])
    logit = helper.make_tensor_value_info("sex", TensorProto.FLOAT, ["unk__1", 1])
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [3, 1], [1.0, 0.0, -1.0])
    nodes = [
        helper.make_node("ReduceMean", ["input_1"], ["colour"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["colour", "weights"], ["sex"]),
    ]
    graph = helper.make_graph(nodes, "keras", [chips], [logit], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def test_exported_keras_model() -> None:
    """As inaFaceAnalyzer: one output, the logit of male; BGR, so blue minus red here."""
    entry = catalog.read()["inafaceanalyzer-resnet50"].card
    assert entry is not None
    spec = replace(entry.classifier, input=replace(entry.input, size=8, mean=(1.0, 2.0, 3.0)))
    chips = torch.empty(2, 3, 8, 8)
    chips[0] = torch.tensor([13.0, 40.0, 9.0])[:, None, None]  # red, green, blue
    chips[1] = torch.tensor([8.0, 40.0, 9.0])[:, None, None]
    answer = classifier.load(spec, onnx_file.graph(planes_last(8)), CPU)(chips)
    male = 1 / (1 + np.exp(-np.array([(9 - 1) - (13 - 3), (9 - 1) - (8 - 3)])))
    assert answer.p_female == pytest.approx(1 - male, abs=1e-6)


def test_softmax_over_one_class() -> None:
    with pytest.raises(ValueError, match="give the head a sigmoid"):
        Head(Attribute.PERCEIVED_GENDER, ("male",))
    with pytest.raises(ValueError, match="needs a class 'female'"):
        Head(Attribute.PERCEIVED_GENDER, ("male", "other"))
