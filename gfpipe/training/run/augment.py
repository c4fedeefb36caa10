"""Chips varied in batches, on the device; the same seed gives the same pictures.

Every number is drawn on the CPU, so that a GPU sees what a CPU would.
"""

import hashlib
import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from gfpipe.training.tables import Augment

_ERASED: Final = (1 / 8, 1 / 2)  # sides of an erased rectangle, as shares of the chip's


def seed_of(*position: int) -> int:
    """A seed for one place in a run: recipe's seed, stage, epoch, step. Neighbouring places have unrelated seeds."""
    digest = hashlib.sha256(" ".join(map(str, position)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def augment(pixels: Tensor, chip: int, size: int, wanted: Augment, generator: torch.Generator) -> Tensor:
    """Vary chips that were cut with a margin.

    Args:
        pixels: (N, 3, C, C) uint8 RGB, on the device.
        chip: how many of the C pixels, in the middle, are the chip proper; the rest is there to be moved into view.
        size: of what comes out, S pixels.
        wanted: what to vary, and how much.
        generator: on the CPU; decides everything.

    Returns:
        (N, 3, S, S) float32 in 0..255.
    """
    draw = _Draw(len(pixels), pixels.device, generator)
    x = _moved(pixels, chip, size, wanted, draw)
    x = _recoloured(x, wanted, draw)
    if wanted.reduce:
        x = _reduced(x, wanted, draw)
    if wanted.erase:
        x = _erased(x, wanted.erase, draw)
    return x.clamp_(0, 255)


def centre(pixels: Tensor, chip: int, size: int) -> Tensor:
    """The chips proper, (N, 3, S, S) float32 in 0..255, of chips with a margin, (N, 3, C, C)."""
    first = (pixels.shape[-1] - chip) // 2
    window = pixels[..., first : first + chip, first : first + chip].float()
    if size == chip:
        return window
    return F.interpolate(window, (size, size), mode="bilinear", antialias=True)


class _Draw:
    """Random numbers for a batch of N faces."""

    def __init__(self, count: int, device: torch.device, generator: torch.Generator) -> None:
        self.count = count
        self._device = device
        self._generator = generator

    def uniform(self, *shape: int) -> Tensor:
        """In [0, 1), (N, *shape)."""
        return torch.rand(self.count, *shape, generator=self._generator).to(self._device)

    def both_ways(self, *shape: int) -> Tensor:
        """In [-1, 1), (N, *shape)."""
        return self.uniform(*shape) * 2 - 1

    def chosen(self, share: float) -> list[int]:
        """Which faces fall into a share."""
        return [int(i) for i in (torch.rand(self.count, generator=self._generator) < share).nonzero()]

    def whole(self, least: int, most: int) -> int:
        """A whole number, ``least`` to ``most``."""
        return int(torch.randint(least, most + 1, (1,), generator=self._generator))


def _moved(pixels: Tensor, chip: int, size: int, wanted: Augment, draw: _Draw) -> Tensor:
    """Mirrored, enlarged, turned and shifted in one resampling."""
    mirror = 1 - 2 * (draw.uniform() < wanted.flip).float()
    scale = torch.exp(draw.both_ways() * wanted.scale) * (chip / pixels.shape[-1])
    angle = draw.both_ways() * math.radians(wanted.rotate_degrees)
    shift = draw.both_ways(2) * wanted.shift
    if not (wanted.scale or wanted.rotate_degrees or wanted.shift):
        x = centre(pixels, chip, size)
        return torch.where(mirror.view(-1, 1, 1, 1) < 0, x.flip(-1), x)
    cosine, sine = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = (
        torch.stack([cosine * mirror, -sine, shift[:, 0]], dim=1),
        torch.stack([sine * mirror, cosine, shift[:, 1]], dim=1),
    )
    grid = F.affine_grid(torch.stack(rows, dim=1), [len(pixels), 3, size, size], align_corners=False)
    return F.grid_sample(pixels.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def _recoloured(x: Tensor, wanted: Augment, draw: _Draw) -> Tensor:
    brightness = 1 + wanted.brightness * draw.both_ways(1, 1, 1)
    contrast = 1 + wanted.contrast * draw.both_ways(1, 1, 1)
    saturation = 1 + wanted.saturation * draw.both_ways(1, 1, 1)
    saturation = torch.where(draw.uniform(1, 1, 1) < wanted.grey, torch.zeros_like(saturation), saturation)
    tint = 1 + wanted.tint * draw.both_ways(3, 1, 1)
    if wanted.brightness:
        x = x * brightness
    if wanted.contrast:
        mean = x.mean((1, 2, 3), keepdim=True)
        x = mean + (x - mean) * contrast
    if wanted.saturation or wanted.grey:
        grey = x.mean(1, keepdim=True)
        x = grey + (x - grey) * saturation
    return x * tint if wanted.tint else x


def _reduced(x: Tensor, wanted: Augment, draw: _Draw) -> Tensor:
    """As small faces are: what is lost when a face has few pixels is gone."""
    size = x.shape[-1]
    for face in draw.chosen(wanted.reduce):
        side = draw.whole(*wanted.reduce_pixels)
        if side < size:
            small = F.interpolate(x[face : face + 1], (side, side), mode="bilinear", antialias=True)
            x[face] = F.interpolate(small, (size, size), mode="bilinear")[0]
    return x


def _erased(x: Tensor, share: float, draw: _Draw) -> Tensor:
    size = x.shape[-1]
    least, most = (max(int(size * part), 1) for part in _ERASED)
    for face in draw.chosen(share):
        height, width = draw.whole(least, most), draw.whole(least, most)
        top, left = draw.whole(0, size - height), draw.whole(0, size - width)
        x[face, :, top : top + height, left : left + width] = x[face].mean()
    return x
