"""TFC: features of a face as a sequence in the time and the frequency domain, trained to be consistent.

    chip -> convolutions -> steps of a sequence ──> transformer ──> projector ─┐
                                 └> |FFT| ────────> transformer ──> projector ─┴> head

Zhang et al. 2022, "Self-Supervised Contrastive Pre-Training For Time Series via Time-Frequency Consistency", with the
feature map of a small convolutional network, row by row, instead of a time series. It is augmented there too: jitter
and scaling in time, frequencies removed and added.
"""

import math
from itertools import pairwise
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_WIDTH: Final = 128
_LAYERS, _HEADS = 2, 4
_PROJECTED: Final = 128
# As in the authors' code: temperature of the contrastive loss, lambda of equation 4, delta of equation 3.
_TEMPERATURE, _WITHIN, _MARGIN = 0.2, 0.2, 1.0
_JITTER, _SCALING = 0.3, 0.2  # standard deviations of jitter and scale, for features of variance 1
_FREQUENCIES: Final = 0.1  # share of the frequencies removed, and of those added to
_ADDED: Final = 0.1  # of the highest amplitude, at most


def build(_name: str, outputs: int) -> nn.Module:
    """Build the network, for (N, 3, S, S) with S of 16 or more."""
    return Tfc(outputs)


class Tfc(nn.Module):
    """Convolutions, and an encoder with a projector for each domain."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        widths = (3, 32, 64, _WIDTH)
        self.features = nn.Sequential(*(_convolution(i, o) for i, o in pairwise(widths)))
        self.steps_norm = nn.LayerNorm(_WIDTH)
        self.time, self.frequency = _encoder(), _encoder()
        self.time_projector, self.frequency_projector = _projector(), _projector()
        self.head = nn.Linear(2 * _PROJECTED, outputs)

    def begin(self, _masking: str) -> None:
        """Start a stage; there is no masking."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) normalised chips -> (N, outputs)."""
        steps = self._steps(x)
        time = self.time_projector(_read(self.time, steps))
        frequency = self.frequency_projector(_read(self.frequency, _spectrum(steps)))
        return self.head(torch.cat((time, frequency), dim=1))  # type: ignore[no-any-return]

    def pretext(self, x: Tensor) -> Tensor:
        """Equation 4: contrastive loss within each domain, and consistency between the domains.

        Equation 3 is clipped at 0, as a triplet loss: as written it is unbounded below.
        """
        steps = self._steps(x)
        spectrum = _spectrum(steps)
        times = [_read(self.time, x) for x in (steps, _varied_time(steps))]
        frequencies = [_read(self.frequency, x) for x in (spectrum, _varied_frequencies(spectrum))]
        within = nt_xent(*times) + nt_xent(*frequencies)  # equations 1 and 2
        t, t_varied = map(self.time_projector, times)
        f, f_varied = map(self.frequency_projector, frequencies)
        together = nt_xent(t, f)
        apart = (nt_xent(t, f_varied), nt_xent(t_varied, f), nt_xent(t_varied, f_varied))
        consistency = sum((F.relu(together - loss + _MARGIN) for loss in apart), start=together.new_zeros(()))
        return _WITHIN * within + (1 - _WITHIN) * consistency

    def _steps(self, x: Tensor) -> Tensor:
        """(N, steps, width): the map, row by row."""
        return self.steps_norm(self.features(x).flatten(2).transpose(1, 2))  # type: ignore[no-any-return]


def nt_xent(first: Tensor, second: Tensor) -> Tensor:
    """NT-Xent loss of N positive pairs, (N, D) each (Chen et al. 2020, SimCLR)."""
    pairs = F.normalize(torch.cat((first, second)).float(), dim=1)
    similarity = (pairs @ pairs.T / _TEMPERATURE).fill_diagonal_(-math.inf)
    partner = torch.arange(len(pairs), device=pairs.device).roll(len(first))
    return F.cross_entropy(similarity, partner)


def _convolution(inputs: int, outputs: int) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def _encoder() -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(_WIDTH, _HEADS, 2 * _WIDTH, batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, _LAYERS, nn.LayerNorm(_WIDTH), enable_nested_tensor=False)


def _projector() -> nn.Module:
    return nn.Sequential(
        nn.Linear(_WIDTH, 2 * _PROJECTED),
        nn.BatchNorm1d(2 * _PROJECTED),
        nn.ReLU(),
        nn.Linear(2 * _PROJECTED, _PROJECTED),
    )


def _read(encoder: nn.TransformerEncoder, steps: Tensor) -> Tensor:
    """(N, steps, width) -> (N, width), the mean over steps with positional encodings."""
    encoded: Tensor = encoder(steps + _positions(steps.shape[1], steps))
    return encoded.mean(dim=1)


def _positions(steps: int, like: Tensor) -> Tensor:
    """(steps, width): sines and cosines (Vaswani et al. 2017, section 3.5)."""
    rates = torch.exp(torch.arange(0, _WIDTH, 2, device=like.device) * (-math.log(10_000) / _WIDTH))
    angles = torch.arange(steps, device=like.device)[:, None] * rates
    return torch.cat((angles.sin(), angles.cos()), dim=1)


def _spectrum(steps: Tensor) -> Tensor:
    """(N, steps, width) -> (N, steps // 2 + 1, width): amplitudes along the sequence."""
    frequencies: Tensor = torch.fft.rfft(steps.float(), dim=1, norm="ortho")
    return frequencies.abs()


def _varied_time(steps: Tensor) -> Tensor:
    """Add jitter and scale each channel of each face."""
    factor = 1 + _SCALING * torch.randn(len(steps), 1, steps.shape[2], device=steps.device)
    return steps * factor + _JITTER * torch.randn_like(steps)


def _varied_frequencies(spectrum: Tensor) -> Tensor:
    """Remove some frequencies, then amplify some (section 4.2)."""
    remaining = spectrum * (torch.rand_like(spectrum) >= _FREQUENCIES)
    more = torch.rand_like(spectrum) * _ADDED * spectrum.amax(dim=(1, 2), keepdim=True)
    return remaining + more * (torch.rand_like(spectrum) < _FREQUENCIES)
