"""A vision transformer (timm's blocks, size of ViT-Tiny) trained as a masked autoencoder.

    chip -> patches + positions -> visible patches -> 12 blocks -> class token -> head
                                                        └> all positions -> 2 light blocks -> pixels of masked patches

He et al. (2022), "Masked Autoencoders Are Scalable Vision Learners", with masking that depends on which patches predict
a sensitive attribute: while the network learns that attribute without masking, the class token's attention to the
patches, averaged over heads and layers, is summed in the buffer ``sensitivity``. It is final once patches are masked,
and survives a reset of the weights.
"""

from typing import Any, Final

import torch
import torch.nn.functional as F
from timm.layers.patch_embed import PatchEmbed
from timm.layers.pos_embed_sincos import build_sincos2d_pos_embed
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from gfpipe.errors import ModelError

HIDDEN: Final = 0.75  # share of the patches, section 3
_WIDTH, _HEADS = 192, 3  # of ViT-Tiny (Touvron et al. 2021, DeiT, table 1)
_DECODER_WIDTH, _DECODER_DEPTH, _DECODER_HEADS = 96, 2, 3
# Patch size in pixels, patches per side of the map (resized for other chips than of 224 and 48 pixels), and blocks.
_SHAPES: Final = {"masked-vit-tiny": (16, 14, 12), "masked-vit-tiny-half": (8, 6, 6)}
_LEAST: Final = 1e-6  # lowest weight of a patch


def build(name: str, outputs: int) -> nn.Module:
    """``masked-vit-tiny`` with patches of 16 pixels, or ``masked-vit-tiny-half``: patches of 8, half of the blocks.

    Takes (N, 3, S, S), S a multiple of the patches' side.
    """
    return MaskedViT(*_SHAPES[name], outputs)


class MaskedViT(nn.Module):
    """The transformer, its light decoder, and the sensitivity map."""

    def __init__(self, patch: int, grid: int, depth: int, outputs: int) -> None:
        super().__init__()
        self.patches = PatchEmbed(img_size=None, patch_size=patch, embed_dim=_WIDTH)
        self.class_token = nn.Parameter(torch.empty(1, 1, _WIDTH))
        self.blocks = nn.ModuleList(Block(_WIDTH, _HEADS, qkv_bias=True) for _ in range(depth))
        self.norm = nn.LayerNorm(_WIDTH)
        self.head = nn.Linear(_WIDTH, outputs)
        self.to_decoder = nn.Linear(_WIDTH, _DECODER_WIDTH)
        self.mask_token = nn.Parameter(torch.empty(1, 1, _DECODER_WIDTH))
        decoder = (Block(_DECODER_WIDTH, _DECODER_HEADS, qkv_bias=True) for _ in range(_DECODER_DEPTH))
        self.decoder = nn.ModuleList(decoder)
        self.decoder_norm = nn.LayerNorm(_DECODER_WIDTH)
        self.to_pixels = nn.Linear(_DECODER_WIDTH, 3 * patch**2)
        self.sensitivity: Tensor
        self.register_buffer("sensitivity", torch.zeros(grid, grid))
        self.used: Tensor  # the map is final
        self.register_buffer("used", torch.tensor(False))
        self.patch = patch
        self._masking = ""
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise the parameters outside layers."""
        nn.init.normal_(self.class_token, std=0.02)
        nn.init.normal_(self.mask_token, std=0.02)

    def begin(self, masking: str) -> None:
        """Start a stage with masking ``sensitive``, ``other``, ``random`` or none; ModelError if there is no map."""
        if masking in ("sensitive", "other") and not self.sensitivity.any():
            raise ModelError(
                f"masking = {masking!r} needs a sensitivity map: put a stage before it that learns the sensitive "
                "attribute without masking"
            )
        self._masking = masking

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) normalised chips -> (N, outputs). Patches are masked only in training."""
        tokens = self._embedded(x)
        if self.training and self._masking:
            tokens = _chosen(tokens, self.visible(len(x), self._rows(x)))
        return self.head(self._encoded(tokens)[:, 0])  # type: ignore[no-any-return]

    def pretext(self, x: Tensor) -> Tensor:
        """Mean squared error of the masked patches' pixels, each patch normalised (He et al. 2022, section 3)."""
        rows = self._rows(x)
        visible = self.visible(len(x), rows)
        encoded = self.to_decoder(self._encoded(_chosen(self._embedded(x), visible)))[:, 1:]
        indices = visible[..., None].expand(-1, -1, _DECODER_WIDTH)
        tokens = self.mask_token.to(encoded.dtype).expand(len(x), rows**2, -1).scatter(1, indices, encoded)
        tokens = tokens + _positions(rows, _DECODER_WIDTH, x)
        for block in self.decoder:
            tokens = block(tokens)
        predicted = self.to_pixels(self.decoder_norm(tokens)).float()
        hidden = torch.ones(len(x), rows**2, device=x.device).scatter(1, visible, 0.0)
        errors = (predicted - self._pixels(x)).square().mean(dim=2)
        loss: Tensor = (errors * hidden).sum() / hidden.sum()
        return loss

    def visible(self, faces: int, rows: int) -> Tensor:
        """Indices of the visible patches, (faces, rows² / 4), drawn at random for each face.

        Masked patches are sampled without replacement, in proportion to the map, to its inverse, or uniformly, by
        exponential keys (Efraimidis and Spirakis 2006; equivalent to Gumbel top-k).
        """
        if self.training:
            self.used.fill_(True)
        keys = torch.empty(faces, rows**2, device=self.sensitivity.device).exponential_() / self._weights(rows)
        return keys.argsort(dim=1)[:, round(HIDDEN * rows**2) :]

    def _weights(self, rows: int) -> Tensor:
        """(rows²,) weights of being masked."""
        attention = _resized(self.sensitivity.float(), rows)
        power = {"sensitive": 1, "other": -1}.get(self._masking, 0)
        shares: Tensor = attention / attention.sum().clamp_min(_LEAST)
        return shares.clamp_min(_LEAST).flatten().pow(power)

    def _embedded(self, x: Tensor) -> Tensor:
        """(N, P, width): patches with fixed positional embeddings, for chips of any size."""
        tokens: Tensor = self.patches(x)
        return tokens + _positions(self._rows(x), _WIDTH, x)

    def _encoded(self, tokens: Tensor) -> Tensor:
        """(N, P, width) -> (N, 1 + P, width), the class token first."""
        y = torch.cat((self.class_token.to(tokens.dtype).expand(len(tokens), -1, -1), tokens), dim=1)
        recording = self.training and not self._masking and not self.used
        attention = torch.zeros(tokens.shape[1], device=tokens.device)
        for block in self.blocks:
            if recording:
                attention += _attention(block, y)
            y = block(y)
        if recording:
            self._remember(attention / len(self.blocks))
        return self.norm(y)  # type: ignore[no-any-return]

    @torch.no_grad()
    def _remember(self, attention: Tensor) -> None:
        """Add one batch's (P,) attention to the map."""
        rows = round(len(attention) ** 0.5)
        self.sensitivity += _resized(attention.view(rows, rows), len(self.sensitivity))

    def _pixels(self, x: Tensor) -> Tensor:
        """(N, P, 3 * patch²): each patch with mean 0 and variance 1."""
        pixels = F.unfold(x.float(), self.patch, stride=self.patch).transpose(1, 2)
        mean, variance = pixels.mean(dim=2, keepdim=True), pixels.var(dim=2, keepdim=True)
        return (pixels - mean) / (variance + 1e-6).sqrt()

    def _rows(self, x: Tensor) -> int:
        """Patches per side of the chips."""
        return x.shape[-1] // self.patch


@torch.no_grad()
def _attention(block: Any, y: Tensor) -> Tensor:  # Any: layers of timm's blocks are not typed
    """The class token's attention to the patches, (P,): the mean over faces and heads of a block's input."""
    weight, bias = block.attn.qkv.weight, block.attn.qkv.bias
    width = weight.shape[1]
    inputs = block.norm1(y)
    queries = F.linear(inputs[:, :1], weight[:width], bias[:width])
    keys = F.linear(inputs, weight[width : 2 * width], bias[width : 2 * width])
    q, k = (x.float().view(len(y), x.shape[1], _HEADS, -1).transpose(1, 2) for x in (queries, keys))
    scores: Tensor = q @ k.transpose(2, 3) * block.attn.scale
    return scores.softmax(dim=-1)[:, :, 0, 1:].mean(dim=(0, 1))


def _resized(attention: Tensor, side: int) -> Tensor:
    """(rows, rows) -> (side, side)."""
    if len(attention) == side:
        return attention
    return F.interpolate(attention[None, None], (side, side), mode="bilinear", antialias=True)[0, 0]


def _chosen(tokens: Tensor, indices: Tensor) -> Tensor:
    """(N, P, width) and (N, K) -> (N, K, width)."""
    return tokens.gather(1, indices[..., None].expand(-1, -1, tokens.shape[2]))


def _positions(rows: int, width: int, x: Tensor) -> Tensor:
    """(rows², width): sines and cosines of row and column (He et al. 2022, appendix A.1)."""
    return build_sincos2d_pos_embed([rows, rows], width, device=x.device)
