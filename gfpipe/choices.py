"""Values that settings and command-line options choose from, and their defaults; imports no library."""

from enum import StrEnum
from typing import Final

DEFAULT_PATTERN: Final = "{channel}/{date}/{time}_{programme}.{ext}"
DEFAULT_DETECTOR: Final = "retinaface-mobilenet0.25"
DEFAULT_EVERY_SECONDS: Final = 1.0
DEFAULT_MIN_FACE: Final = 24.0  # lines of a 360-line picture
DEFAULT_MIN_SCORE: Final = 0.9
DEFAULT_STALL_SECONDS: Final = 300.0
DEFAULT_MEMORY_GIB: Final = 4.0  # three quarters of a GiB are torch
GROUPINGS: Final = ("channel", "programme", "date", "week", "month", "year", "weekday", "hour", "model")  # of stats
LEAST_LABELS: Final = 200  # labelled faces of an archive that the gate needs to use them


class Sampling(StrEnum):
    """Which frames are analysed."""

    KEYFRAMES = "keyframes"
    EXACT = "exact"  # the frame shown at the middle of each interval


class DateOrder(StrEnum):
    """The order of dates such as 01/03/2024 in tables."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class Decoder(StrEnum):
    """The library that decodes the sampling ``exact``."""

    PYAV = "pyav"
    DECORD = "decord"  # only files whose pictures it gives as PyAV does


class Overlaps(StrEnum):
    """Which of several recordings of a channel counts while they overlap."""

    FIRST = "first"  # the one that begins first
    LONGEST = "longest"
    ALL = "all"  # every one


class Copies(StrEnum):
    """How often files of the same content count."""

    ONCE = "once"  # the one with the earliest start
    ALL = "all"


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"  # a GPU if torch finds one, else the CPU
    CPU = "cpu"
    OPENVINO = "openvino"  # the CPU, with the face detector in OpenVINO
    CUDA = "cuda"


class Language(StrEnum):
    """Languages of the report."""

    EN = "en"
    FR = "fr"
    JA = "ja"
    DE = "de"
    ES = "es"


class Shape(StrEnum):
    """Formats of an export."""

    INA = "ina"
    TIDY = "tidy"
    PARQUET = "parquet"
