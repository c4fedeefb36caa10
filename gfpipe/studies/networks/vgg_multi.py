"""VGG16 for age and perceived gender: convolutions, spatial dropout, one dense layer, one head.

    3 @ 180x180 -> VGG16's 13 convolutions -> 512 @ 5x5 -> whole planes dropped -> mean of each plane -> 256 -> outputs

``vgg16-multi`` has the convolutions of Simonyan and Zisserman (2015, table 1, D); ``vgg16-multi-bn`` adds batch norm
after every convolution, for short trainings from random weights. The published output layers, one per attribute, are
rows of one layer here.
"""

from typing import Final

from torch import Tensor, nn
from torchvision.models import vgg

SIDE: Final = 180  # of the published chips, in pixels; five poolings need 32 or more
PLANES: Final = 512
_HIDDEN: Final = 256
_SPATIAL_DROPOUT: Final = 0.2  # share of planes (Tompson et al. 2015, section 3.3)
_DROPOUT: Final = 0.5  # share of the dense layer, as VGG16's own


class Vgg16Multi(nn.Module):
    """(N, 3, S, S), S of 32 or more -> (N, outputs); global average pooling makes it independent of S."""

    def __init__(self, outputs: int, *, norms: bool) -> None:
        super().__init__()
        self.convolutions = vgg.make_layers(vgg.cfgs["D"], batch_norm=norms)
        self.planes_dropped = nn.Dropout2d(_SPATIAL_DROPOUT)
        self.dense = nn.Sequential(nn.Linear(PLANES, _HIDDEN), nn.ReLU(), nn.Dropout(_DROPOUT))
        self.head = nn.Linear(_HIDDEN, outputs)
        for module in self.convolutions:
            if isinstance(module, nn.Conv2d):  # as torchvision does (He et al. 2015)
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) normalised chips -> (N, outputs)."""
        planes = self.planes_dropped(self.convolutions(x))
        return self.head(self.dense(planes.mean((2, 3))))  # type: ignore[no-any-return]


def build(name: str, outputs: int) -> nn.Module:
    """``vgg16-multi`` or ``vgg16-multi-bn``: 14,714,688 parameters in the convolutions, 8,448 more with norms."""
    return Vgg16Multi(outputs, norms=name.endswith("-bn"))
