"""Values that settings and command-line options choose from."""

from enum import StrEnum


class Sampling(StrEnum):
    """Which frames are analysed."""

    KEYFRAMES = "keyframes"
    EXACT = "exact"  # the frame shown at the middle of each interval


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"  # a GPU if torch finds one, else the CPU
    CPU = "cpu"
    CUDA = "cuda"
