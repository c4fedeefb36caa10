"""The three convolutional networks of the binary portrait classifier: 48x48 grey chips in, two numbers out.

    1 @ 48x48 -> 16 @ 48x48 -> 32 @ 44x44 -> pooled -> 64 @ 18x18 -> pooled: 5,184 numbers -> dense layers -> 2

Each output has a sigmoid (``perceived_gender_as = "sigmoids"`` in a recipe).
"""

from itertools import pairwise

from torch import nn

SIDE = 48  # of the chips, in pixels
_FEATURES = 64 * 9 * 9
_HIDDEN = {"portrait-128": (128,), "portrait-1024": (1024,), "portrait-128-128": (128, 128)}


def build(name: str, outputs: int) -> nn.Module:
    """Build the network with one hidden layer of 128, one of 1,024, or two of 128, for (N, 1, 48, 48).

    With two outputs they have 728,194, 5,375,746 and 744,706 parameters.
    """
    widths = (_FEATURES, *_HIDDEN[name])
    dense = [layer for i, o in pairwise(widths) for layer in (nn.Linear(i, o), nn.ReLU())]
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),  # the report's "padding of 2" counts both sides
        nn.ReLU(),
        nn.Conv2d(16, 32, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        *dense,
        nn.Linear(widths[-1], outputs),
    )
