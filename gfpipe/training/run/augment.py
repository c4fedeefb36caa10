"""Random augmentation of chips in batches, on the device; the same seed gives the same result.

Random numbers are drawn on the CPU, so that they are the same on a GPU.
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
    """A seed for a position in a run: recipe's seed, stage, epoch, step, unrelated to its neighbours'."""
    digest = hashlib.sha256(" ".join(map(str, position)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def augment(pixels: Tensor, chip: int, size: int, config: Augment, generator: torch.Generator) -> Tensor:
    """Augment chips with a margin.

    Args:
        pixels: (N, 3, C, C) uint8 RGB, on the device.
        chip: side of the chip in the middle of the C pixels; the rest is margin.
        size: of the output, S pixels.
        config: kinds and ranges of the variation.
        generator: on the CPU; the source of all random numbers.

    Returns:
        (N, 3, S, S) float32 in 0..255.
    """
    draw = _Draw(len(pixels), pixels.device, generator)
    x = _transformed(pixels, chip, size, config, draw)
    x = _recoloured(x, config, draw)
    if config.reduce:
        x = _reduced(x, config, draw)
    if config.erase:
        x = _erased(x, config.erase, draw)
    return x.clamp_(0, 255)


def centre(pixels: Tensor, chip: int, size: int) -> Tensor:
    """Crop chips with a margin, (N, 3, C, C), to the chips, (N, 3, S, S) float32 in 0..255."""
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

    def symmetric(self, *shape: int) -> Tensor:
        """In [-1, 1), (N, *shape)."""
        return self.uniform(*shape) * 2 - 1

    def chosen(self, share: float) -> list[int]:
        """Indices of a random share of the faces."""
        return [int(i) for i in (torch.rand(self.count, generator=self._generator) < share).nonzero()]

    def integer(self, least: int, most: int) -> int:
        """A random integer from ``least`` to ``most``."""
        return int(torch.randint(least, most + 1, (1,), generator=self._generator))


def _transformed(pixels: Tensor, chip: int, size: int, config: Augment, draw: _Draw) -> Tensor:
    """Mirror, scale, rotate and shift in one resampling."""
    mirror = 1 - 2 * (draw.uniform() < config.flip).float()
    scale = torch.exp(draw.symmetric() * config.scale) * (chip / pixels.shape[-1])
    angle = draw.symmetric() * math.radians(config.rotate_degrees)
    shift = draw.symmetric(2) * config.shift
    if not (config.scale or config.rotate_degrees or config.shift):
        x = centre(pixels, chip, size)
        return torch.where(mirror.view(-1, 1, 1, 1) < 0, x.flip(-1), x)
    cosine, sine = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = (
        torch.stack([cosine * mirror, -sine, shift[:, 0]], dim=1),
        torch.stack([sine * mirror, cosine, shift[:, 1]], dim=1),
    )
    grid = F.affine_grid(torch.stack(rows, dim=1), [len(pixels), 3, size, size], align_corners=False)
    return F.grid_sample(pixels.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def _recoloured(x: Tensor, config: Augment, draw: _Draw) -> Tensor:
    brightness = 1 + config.brightness * draw.symmetric(1, 1, 1)
    contrast = 1 + config.contrast * draw.symmetric(1, 1, 1)
    saturation = 1 + config.saturation * draw.symmetric(1, 1, 1)
    saturation = torch.where(draw.uniform(1, 1, 1) < config.grey, torch.zeros_like(saturation), saturation)
    tint = 1 + config.tint * draw.symmetric(3, 1, 1)
    if config.brightness:
        x = x * brightness
    if config.contrast:
        mean = x.mean((1, 2, 3), keepdim=True)
        x = mean + (x - mean) * contrast
    if config.saturation or config.grey:
        grey = x.mean(1, keepdim=True)
        x = grey + (x - grey) * saturation
    return x * tint if config.tint else x


def _reduced(x: Tensor, config: Augment, draw: _Draw) -> Tensor:
    """Downsample some faces and upsample them again, as if the faces were small."""
    size = x.shape[-1]
    for face in draw.chosen(config.reduce):
        side = draw.integer(*config.reduce_pixels)
        if side < size:
            small = F.interpolate(x[face : face + 1], (side, side), mode="bilinear", antialias=True)
            x[face] = F.interpolate(small, (size, size), mode="bilinear")[0]
    return x


def _erased(x: Tensor, share: float, draw: _Draw) -> Tensor:
    size = x.shape[-1]
    least, most = (max(int(size * part), 1) for part in _ERASED)
    for face in draw.chosen(share):
        height, width = draw.integer(least, most), draw.integer(least, most)
        top, left = draw.integer(0, size - height), draw.integer(0, size - width)
        x[face, :, top : top + height, left : left + width] = x[face].mean()
    return x
