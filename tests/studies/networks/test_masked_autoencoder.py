"""The transformer hides the right patches, and finds out what is sensitive only while nothing is hidden."""

from typing import cast

import pytest
import torch
from torch import Tensor

from gfpipe.attributes import networks
from gfpipe.errors import ModelError
from gfpipe.studies.networks.masked_autoencoder import HIDDEN, MaskedViT
from gfpipe.training.run import initial

CHIPS = 48


@pytest.fixture
def network() -> MaskedViT:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cast("MaskedViT", networks.build("masked-vit-tiny-half", 5)).train()


def chips(faces: int = 3, side: int = CHIPS) -> Tensor:
    return torch.randn(faces, 3, side, side, generator=torch.Generator().manual_seed(1))


def share_hidden(network: MaskedViT, patches: Tensor, faces: int = 400) -> float:
    """Of some patches, over faces."""
    torch.manual_seed(0)
    visible = network.visible(faces, 6)
    seen = torch.zeros(faces, 36).scatter(1, visible, 1.0)
    return 1 - float(seen[:, patches].mean())


def test_it_has_the_size_of_vit_tiny() -> None:
    body = cast("MaskedViT", networks.build("masked-vit-tiny", 1000))
    decoder = sum(
        parameter.numel()
        for name, parameter in body.named_parameters()
        if name.startswith(("decoder", "to_", "mask_token"))
    )
    assert sum(parameter.numel() for parameter in body.parameters()) - decoder + 197 * 192 == 5_717_416  # DeiT-Tiny's


@pytest.mark.parametrize("side", [32, 48, 64])
def test_chips_may_have_any_size_that_patches_fill(network: MaskedViT, side: int) -> None:
    assert network(chips(side=side)).shape == (3, 5)
    assert network.sensitivity.shape == (6, 6)
    assert network.sensitivity.sum() > 0
    for masking in ("random", "sensitive", "other"):
        network.begin(masking)
        assert torch.isfinite(network.pretext(chips(side=side)))


def test_where_it_looks_adds_up_while_it_learns_with_nothing_hidden(network: MaskedViT) -> None:
    network(chips())
    once = network.sensitivity.clone()
    assert 0 < once.sum() < 1  # the rest is the class token's attention to itself
    network(chips())
    assert torch.allclose(network.sensitivity, 2 * once, atol=1e-5)
    network.eval()(chips())
    assert torch.allclose(network.sensitivity, 2 * once, atol=1e-5), "measuring is no learning"


def test_the_map_is_the_attention_that_the_blocks_pay(network: MaskedViT) -> None:
    """Against timm's own attention, spelt out, in the first block."""
    x = chips()
    paid = []

    def spell_out(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        q, k, _ = network.blocks[0].attn.qkv(inputs[0]).reshape(3, 37, 3, 3, 64).permute(2, 0, 3, 1, 4)  # type: ignore[union-attr, operator]
        paid.append((q @ k.transpose(-2, -1) / 8).softmax(dim=-1)[:, :, 0, 1:].mean(dim=(0, 1)))

    network.blocks[0].attn.register_forward_pre_hook(spell_out)  # type: ignore[union-attr]
    network.blocks = torch.nn.ModuleList([network.blocks[0]])
    network(x)
    assert torch.allclose(network.sensitivity.flatten(), paid[0], atol=1e-6)


def test_masking_prefers_the_patches_that_it_is_told_to(network: MaskedViT) -> None:
    sensitive = torch.arange(9)
    network.sensitivity.fill_(1.0).view(-1)[sensitive] = 20.0
    hidden = {}
    for masking in ("random", "sensitive", "other"):
        network.begin(masking)
        hidden[masking] = share_hidden(network, sensitive)
        assert share_hidden(network, torch.arange(36)) == HIDDEN
    assert hidden["sensitive"] > 0.95
    assert hidden["random"] == pytest.approx(HIDDEN, abs=0.03)
    assert hidden["other"] < 0.35


def test_hidden_patches_are_drawn_in_proportion_to_the_map(network: MaskedViT) -> None:
    """Of two patches that weigh 3 and 1, the heavier is the first to go 3 of 4 times, when the heavy ones are gone."""
    network.sensitivity.fill_(1e4).view(-1)[9:18] = 1.0
    network.sensitivity.view(-1)[9] = 3.0
    network.begin("sensitive")
    torch.manual_seed(0)
    visible = network.visible(8_000, 6)
    both = visible[((visible == 9) | (visible == 10)).sum(dim=1) == 2]
    assert len(both) > 7_500, "the nine lightest of 36 are the visible ones, but for chance"
    first = (both == 9).int().argmax(dim=1) < (both == 10).int().argmax(dim=1)
    assert float(first.float().mean()) == pytest.approx(0.75, abs=0.02)


def test_from_the_first_hidden_patch_on_the_map_stays(network: MaskedViT) -> None:
    network(chips())
    before = network.sensitivity.clone()
    network.begin("sensitive")
    network.pretext(chips())
    initial.renew(network, 3)
    network.begin("")
    network(chips())
    assert torch.equal(network.sensitivity, before)


def test_a_fresh_beginning_renews_all_weights_and_keeps_the_map(network: MaskedViT) -> None:
    network(chips())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    initial.renew(network, 3)
    after = network.state_dict()
    assert torch.equal(after["sensitivity"], before["sensitivity"])
    constant = ("norm1", "norm2", "norm.", "decoder_norm", "sensitivity", "used")
    for name, value in before.items():
        if not any(word in name for word in constant):
            assert not torch.equal(after[name], value), name


def test_masking_by_what_is_sensitive_needs_a_stage_that_finds_it(network: MaskedViT) -> None:
    with pytest.raises(ModelError, match="put a stage before it that learns the sensitive attribute"):
        network.begin("sensitive")


def test_patches_are_hidden_at_fine_tuning_only_while_it_learns(network: MaskedViT) -> None:
    network.begin("random")
    torch.manual_seed(0)
    assert not torch.equal(network(chips()), network(chips()))
    network.eval()
    assert torch.equal(network(chips()), network(chips()))


def test_hidden_pixels_are_judged_and_visible_ones_are_not(network: MaskedViT) -> None:
    """A decoder that says the normalised pixels themselves has no loss, whatever it says of visible patches."""
    network.begin("random")
    x = chips()
    wanted = network._pixels(x)
    torch.manual_seed(5)
    visible = network.visible(len(x), 6)
    said = wanted.scatter(1, visible[..., None].expand(-1, -1, wanted.shape[2]), 99.0)
    network.to_pixels.register_forward_hook(lambda _layer, _inputs, _output: said)
    torch.manual_seed(5)
    assert float(network.pretext(x)) == 0
    assert torch.allclose(wanted.mean(dim=2), torch.zeros(3, 36), atol=1e-5)
    assert torch.allclose(wanted.var(dim=2), torch.ones(3, 36), atol=1e-3)


def test_the_head_is_what_is_cut_when_ethnicity_is_left_out(network: MaskedViT) -> None:
    assert initial.last_layer(network) == "head"
