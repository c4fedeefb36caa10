"""TFC keeps a face's two views together, and apart from other faces'."""

import math
from typing import cast

import pytest
import torch
from torch import Tensor

from gfpipe.attributes import networks
from gfpipe.studies.networks import tfc
from gfpipe.studies.networks.tfc import Tfc, nt_xent
from gfpipe.training.run import initial


def chips(faces: int = 8, side: int = 32) -> Tensor:
    return torch.randn(faces, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def network() -> Tfc:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cast("Tfc", networks.build("tfc", 2)).train()


def test_the_contrastive_loss_is_least_where_partners_are_alike() -> None:
    apart = torch.eye(4)
    alike = float(nt_xent(apart, apart))
    # One partner at likeness 1, and six others at 0, all divided by the temperature of 0.2.
    assert alike == pytest.approx(-math.log(math.exp(5) / (math.exp(5) + 6)), abs=1e-5)
    assert alike < float(nt_xent(apart, apart.roll(1, dims=0)))
    assert float(nt_xent(apart, 3 * apart)) == pytest.approx(alike), "length does not count"


@pytest.mark.parametrize("side", [32, 48])
def test_it_answers_and_learns_on_chips_of_any_size(network: Tfc, side: int) -> None:
    network.begin("")
    assert network(chips(side=side)).shape == (8, 2)
    assert torch.isfinite(network.pretext(chips(side=side)))
    assert initial.last_layer(network) == "head"


def test_the_pretext_teaches_every_part_but_the_head(network: Tfc) -> None:
    torch.autograd.backward(network.pretext(chips()))
    untaught = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert untaught == {"head.weight", "head.bias"}


def test_a_spectrum_knows_frequencies_and_not_their_phase() -> None:
    steps = torch.arange(16)[None, :, None] / 16 * 2 * math.pi
    wave = torch.sin(3 * steps).expand(1, 16, 128)
    spectrum = tfc._spectrum(wave)
    assert spectrum.shape == (1, 9, 128)
    assert spectrum[0, :, 0].argmax() == 3
    assert torch.allclose(spectrum, tfc._spectrum(wave.roll(2, dims=1)), atol=1e-5)


def test_varied_frequencies_are_taken_away_and_added() -> None:
    torch.manual_seed(0)
    spectrum = torch.ones(20, 33, 128)
    varied = tfc._varied_frequencies(spectrum)
    assert float((varied < 1).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert float((varied > 1).float().mean()) == pytest.approx(0.09, abs=0.01)
    assert float(varied.max()) <= 1.1
