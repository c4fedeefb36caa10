"""Maps of where a classifier looks, with real networks and with one whose map is known beforehand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gfpipe.attributes import classifier, networks
from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.networks import CoarseAndFine, OnnxGraph
from gfpipe.attributes.spec import FEMALE, MALE, Activation, Attribute, ClassifierSpec, Head, InputSpec
from gfpipe.errors import ModelError
from gfpipe.evaluation.figures.gradcam import Explanation, explain, share_inside
from gfpipe.models import store

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
HEAD = Head(Attribute.PERCEIVED_GENDER, (FEMALE, MALE))
PLAIN = InputSpec(64, (127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
WHOLE = np.array([[0, 0], [64, 0], [64, 64], [0, 64]])


class OneHalf(nn.Module):
    """Women speak by how bright the left half of the chip is, men by the right half."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.Conv2d(3, 2, 8, stride=8, bias=False)
        nn.init.constant_(self.pool.weight, 1 / 192)
        self.features = nn.ReLU()
        self.scores = nn.Linear(2, 2, bias=False)
        self.scores.weight.data = torch.eye(2)

    def forward(self, x: Tensor) -> Tensor:
        left = torch.arange(x.shape[-1]) < x.shape[-1] / 2
        halves = torch.cat([self.pool(x * left)[:, :1], self.pool(x * ~left)[:, 1:]], dim=1)
        return self.scores(self.features(halves).mean((2, 3)))  # type: ignore[no-any-return]


def made(network: nn.Module, *heads: Head, spec: InputSpec = PLAIN, name: str = "made") -> Classifier:
    return Classifier(ClassifierSpec(name, name, spec, heads or (HEAD,)), network.eval().requires_grad_(False), CPU)


def random(name: str, outputs: int = 2, *heads: Head, size: int = 64) -> Classifier:
    torch.manual_seed(3)
    return made(networks.build(name, outputs), *heads, spec=replace(PLAIN, size=size), name=name)


def noise(count: int = 3, size: int = 64) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(7)) * 255


def bright(*columns: slice) -> Tensor:
    """Chips that are bright in the given columns and grey elsewhere."""
    chips = torch.full((len(columns), 3, 64, 64), 128.0)
    for chip, lit in zip(chips, columns, strict=True):
        chip[:, :, lit] = 250
    return chips


def test_the_map_lies_where_the_network_looks_for_the_class_that_it_answers() -> None:
    found = explain(made(OneHalf()), bright(slice(0, 32), slice(32, 64)))
    assert found.female.tolist() == [True, False]
    left, right = found.maps[..., :32].sum((1, 2)), found.maps[..., 32:].sum((1, 2))
    assert left[0] > 20 * right[0]
    assert right[1] > 20 * left[1]
    assert found.maps.max((1, 2)).tolist() == [1, 1]


def test_a_map_is_finest_where_the_evidence_is() -> None:
    """A bright bar in the left half: the map follows the bar, not the half."""
    found = explain(made(OneHalf()), bright(slice(8, 16)))
    assert found.maps[0, :, 10:14].min() > 0.8
    assert found.maps[0, :, 24:].max() < 0.1


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "vgg11", "densenet121", "cydral-age"])
def test_networks_of_convolutions_are_mapped_onto_the_chip(name: str) -> None:
    outputs = 81 if name == "cydral-age" else 2
    classes = tuple(f"other {n}" for n in range(outputs - 2))
    classify = random(name, outputs, Head(Attribute.PERCEIVED_GENDER, (*classes, FEMALE, MALE)))
    chips = noise()
    found = explain(classify, chips)
    assert found.maps.shape == (3, 64, 64)
    assert 0 <= found.maps.min() <= found.maps.max() <= 1
    np.testing.assert_array_equal(found.p_female, classify(chips).p_female)


def test_the_map_is_the_paper_s_sum_of_feature_maps_weighted_by_their_mean_gradients() -> None:
    classify = random("resnet18")
    chips = noise(1)
    found = explain(classify, chips)
    body = nn.Sequential(*list(classify.network.children())[:-2])
    features = body((chips - 127.5) / 127.5).detach().requires_grad_()
    scores = classify.network.fc(features.mean((2, 3)))  # type: ignore[operator]
    scores[0, 0 if found.female[0] else 1].backward()
    assert features.grad is not None
    alpha = features.grad.mean((2, 3), keepdim=True)  # equation 1
    coarse = (alpha * features.detach()).sum(1, keepdim=True).relu()  # equation 2
    expected = torch.nn.functional.interpolate(coarse, (64, 64), mode="bilinear")[0, 0]
    np.testing.assert_allclose(found.maps[0], (expected / expected.max()).numpy(), atol=1e-5)


def test_maps_do_not_depend_on_what_else_is_in_the_batch() -> None:
    classify = random("resnet18")
    chips = noise(20)
    np.testing.assert_allclose(explain(classify, chips).maps[17], explain(classify, chips[17:18]).maps[0], atol=1e-5)


def test_the_embedded_model_is_explained_by_its_middle_view() -> None:
    stored = store.open_model("cydral-gender-v1")
    classify = classifier.load(stored.card.classifier, stored.weights, CPU)
    views = noise(10, 32).view(2, 5, 3, 32, 32)
    found = explain(classify, views)
    np.testing.assert_array_equal(found.p_female, classify(views).p_female)
    middle = explain(classify, views[:, 0])
    same = found.female == middle.female
    np.testing.assert_allclose(found.maps[same], middle.maps[same], atol=1e-6)
    assert found.maps.shape == (2, 32, 32)


@pytest.mark.parametrize("mean", [40.0, 220.0])
def test_a_single_output_speaks_for_both_classes(mean: float) -> None:
    """By its sign: the map of one output is that of the same score among two."""
    torch.manual_seed(5)
    two = networks.build("resnet18", 2)
    two.fc.weight.data[1] = -two.fc.weight.data[0]  # type: ignore[union-attr, operator, index]
    two.fc.bias.data[:] = 0  # type: ignore[union-attr, operator]
    one = networks.build("resnet18", 1)
    weights = two.state_dict()
    one.load_state_dict(weights | {"fc.weight": weights["fc.weight"][:1], "fc.bias": weights["fc.bias"][:1]})
    sigmoid = Head(Attribute.PERCEIVED_GENDER, (FEMALE,), activation=Activation.SIGMOID)
    chips = (noise() - 127.5 + mean).clamp(0, 255)
    first, second = explain(made(two), chips), explain(made(one, sigmoid), chips)
    np.testing.assert_array_equal(first.female, second.female)
    np.testing.assert_allclose(first.maps, second.maps, atol=1e-5)


def test_the_head_for_perceived_gender_is_found_among_others() -> None:
    age = Head(Attribute.AGE, ("young", "old"), years=(20.0, 60.0))
    classify = random("resnet18", 4, age, HEAD)
    weights = classify.network.state_dict()
    alone = networks.build("resnet18", 2)
    alone.load_state_dict(weights | {"fc.weight": weights["fc.weight"][2:], "fc.bias": weights["fc.bias"][2:]})
    np.testing.assert_allclose(explain(classify, noise()).maps, explain(made(alone), noise()).maps, atol=1e-5)


def test_explaining_leaves_the_classifier_as_it_was() -> None:
    classify = random("resnet18")
    before = classify(noise()).p_female
    with torch.inference_mode(False), torch.no_grad():
        explain(classify, noise())
    np.testing.assert_array_equal(classify(noise()).p_female, before)
    assert not any(parameter.requires_grad for parameter in classify.network.parameters())
    assert not any(module._forward_hooks for module in classify.network.modules())


def test_of_two_networks_that_are_added_up_each_has_its_part_of_the_map() -> None:
    """The coarse one sees the middle of the chip: beyond it only the fine one can have found anything."""
    spec = InputSpec(96, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    both = random("cydral-gender+resnet18", size=96)
    both = made(both.network, spec=spec, name="both")
    assert isinstance(both.network, CoarseAndFine)
    both.network.coarse.load_state_dict(dict(store.open_model("cydral-gender-v1").weights))
    chips = noise(4, 96)
    with torch.no_grad():
        both.network.coarse_share.fill_(0)
        fine = explain(both, chips)
        np.testing.assert_allclose(fine.maps, explain(made(both.network.fine, spec=spec), chips).maps, atol=1e-5)
        assert fine.maps[:, :3].max() > 0.1
        both.network.coarse_share.fill_(1)
        for parameter in both.network.fine.parameters():
            parameter.zero_()
        coarse = explain(both, chips)
    assert coarse.maps[:, :3].max() == coarse.maps[:, :, -3:].max() == 0
    assert coarse.maps[:, 3:93, 3:93].max() == 1


def test_no_faces_give_no_maps() -> None:
    found = explain(random("resnet18"), torch.zeros(0, 3, 64, 64))
    assert found.maps.shape == (0, 64, 64)


def test_models_without_gradients_or_feature_maps_are_refused() -> None:
    graph = OnnxGraph.__new__(OnnxGraph)
    nn.Module.__init__(graph)
    with pytest.raises(ModelError, match="ONNX graph, which has no gradients"):
        explain(made(graph), noise())
    with pytest.raises(ModelError, match="transformer"):
        explain(random("swin_t", 2), noise())
    with pytest.raises(ModelError, match="no feature map"):
        explain(made(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 2))), noise())
    with pytest.raises(ModelError, match="does not predict perceived gender"):
        explain(random("resnet18", 2, Head(Attribute.AGE, ("young", "old"), years=(20.0, 60.0))), noise())


def test_all_of_a_map_lies_inside_the_whole_chip() -> None:
    weights = noise(1)[0, 0].numpy()
    assert share_inside(weights, WHOLE) == pytest.approx(1)
    assert share_inside(weights, WHOLE[::-1]) == pytest.approx(1), "whichever way around"
    assert share_inside(weights, WHOLE * 3 - 64) == pytest.approx(1), "a box larger than the chip"


@pytest.mark.parametrize(
    ("corners", "share"),
    [
        ([[0, 0], [32, 0], [32, 64], [0, 64]], 1 / 2),
        ([[16, 16], [48, 16], [48, 48], [16, 48]], 1 / 4),
        ([[0.25, 0], [64, 0], [64, 64], [0.25, 64]], 1 - 0.25 / 64),
        ([[32, 0], [64, 32], [32, 64], [0, 32]], 1 / 2),
        ([[100, 100], [120, 100], [120, 120], [100, 120]], 0),
    ],
)
def test_an_even_map_lies_inside_a_box_by_its_area(corners: list[list[float]], share: float) -> None:
    even: NDArray[np.float32] = np.full((64, 64), 0.5, np.float32)
    assert share_inside(even, np.array(corners)) == pytest.approx(share, abs=2e-3)


def test_a_map_without_weight_has_no_share() -> None:
    assert np.isnan(share_inside(np.zeros((8, 8), np.float32), WHOLE))


def test_maps_and_answers_belong_together() -> None:
    with pytest.raises(ValueError, match="but maps"):
        Explanation(np.zeros(2, np.float32), np.zeros((3, 4, 4), np.float32))
