"""CoarseAndFine: the coarse network's input and weight."""

import numpy as np
import pytest
import torch
from PIL import Image

from gfpipe.attributes import classifier, networks
from gfpipe.attributes.networks import CoarseAndFine
from gfpipe.faces import portraits
from gfpipe.faces.alignment import cut_chips
from gfpipe.models import store
from gfpipe.training.tables import Input

MODEL = "cydral-gender-v1"


@pytest.fixture
def network() -> CoarseAndFine:
    """The bundled model with a fine network whose outputs are zero."""
    network = networks.build("cydral-gender+resnet18", 3)
    assert isinstance(network, CoarseAndFine)
    fine = {name: torch.zeros_like(value) for name, value in network.fine.state_dict().items()}
    network.load_state_dict(CoarseAndFine.weights(store.open_model(MODEL).weights, fine))
    return network.eval()


def test_coarse_chip_equals_the_bundled_models_chip(network: CoarseAndFine) -> None:
    frame = np.array(Image.open(store.fetch_source("astronaut")).convert("RGB"))[None]
    found = portraits.open_detector("retinaface-mobilenet0.25", torch.device("cpu"))(frame)
    first = np.zeros(1, np.int64)
    fine = Input(96).spec
    stored = store.open_model(MODEL)
    chips = [
        cut_chips(frame, first, found.landmarks[:1], int(spec.size or 0), spec.template)
        for spec in (fine, stored.card.input)
    ]
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (fine.mean, fine.std))
    seen = network.coarse_chip((chips[0] - mean) / std) * 256 + torch.tensor(stored.card.input.mean).view(1, 3, 1, 1)
    assert float((seen - chips[1]).abs().mean()) < 4  # of 255: two ways of resampling
    embedded = classifier.load(stored.card.classifier, stored.weights, torch.device("cpu"))
    assert embedded(seen).p_female == pytest.approx(embedded(chips[1]).p_female, abs=0.05)


def test_logits_are_added(network: CoarseAndFine) -> None:
    x = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        coarse = network.coarse(network.coarse_chip(x))
        torch.testing.assert_close(network(x)[:, :2], network.coarse_share * coarse)
        assert network(x)[:, 2].eq(0).all()
        dict(network.named_parameters())["fine.fc.bias"].copy_(torch.tensor([1.0, 2.0, 3.0]))
        torch.testing.assert_close(network(x)[:, :2], network.coarse_share * coarse + torch.tensor([1.0, 2.0]))
        assert network(x)[:, 2].eq(3).all()


def test_trainable_parameters(network: CoarseAndFine) -> None:
    trained = {name for name, value in network.named_parameters() if value.requires_grad}
    assert not any(name.startswith("coarse.") for name in trained)
    assert "coarse_share" in trained
