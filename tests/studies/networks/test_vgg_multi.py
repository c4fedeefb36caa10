"""VGG16 with several answers: the published convolutions, at any size, trained as one."""

import pytest
import torch
from torch import nn

from gfpipe.attributes import networks
from gfpipe.errors import ModelError
from gfpipe.studies.networks.vgg_multi import SIDE, Vgg16Multi
from gfpipe.training.run import initial
from gfpipe.training.tables import Input

CONVOLUTIONS, NORMS = 14_714_688, 8_448


@pytest.fixture(scope="module")
def plain() -> Vgg16Multi:
    network = networks.build("vgg16-multi", 3)
    assert isinstance(network, Vgg16Multi)
    return network


def parameters(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def test_its_convolutions_are_those_of_vgg16(plain: Vgg16Multi) -> None:
    assert sum(isinstance(module, nn.Conv2d) for module in plain.modules()) == 13
    assert parameters(plain.convolutions) == CONVOLUTIONS
    assert parameters(plain) == CONVOLUTIONS + 512 * 256 + 256 + 256 * 3 + 3
    normed = networks.build("vgg16-multi-bn", 3)
    assert parameters(normed) == parameters(plain) + NORMS


def test_it_reads_chips_of_the_published_size_and_of_the_reduced_one(plain: Vgg16Multi) -> None:
    with torch.inference_mode():
        for size in (SIDE, 48):
            assert plain.eval()(torch.randn(1, 3, size, size)).shape == (1, 3)
    with pytest.raises(ModelError, match="cannot be trained on chips of 16 pixels"):
        initial.start("vgg16-multi", ("perceived_gender: female", "age: centuries"), Input(16).spec, 0)


def test_answers_differ_from_chip_to_chip_before_anything_is_learned(plain: Vgg16Multi) -> None:
    with torch.inference_mode():
        answers = plain.eval()(torch.randn(4, 3, 48, 48))
    assert float(answers.std(dim=0).min()) > 1e-4  # the signal does not die in sixteen layers


def test_spatial_dropout_drops_whole_planes(plain: Vgg16Multi) -> None:
    torch.manual_seed(0)
    planes = plain.planes_dropped.train()(torch.ones(2, 512, 5, 5)).flatten(2)
    whole = (planes == planes[..., :1]).all(dim=2)
    assert bool(whole.all())
    assert 0.1 < float((planes[..., 0] == 0).float().mean()) < 0.3


def test_ethnicity_can_be_cut_off_the_last_layer(plain: Vgg16Multi) -> None:
    assert initial.last_layer(plain) == "head"
