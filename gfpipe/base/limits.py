"""Limits of the work on one recording."""

from typing import Annotated

from gfpipe.base.validation import between, validated
from gfpipe.choices import DEFAULT_MEMORY_GIB, DEFAULT_STALL_SECONDS


@validated
class Limits:
    """What the work on one recording may take; beyond it, its process is ended and the recording has failed.

    Attributes:
        stall_seconds: longest time without progress, as when a read blocks or a decoder hangs.
        memory_gib: memory of the worker process, models included; enforced on Linux.
    """

    stall_seconds: Annotated[float, between(1, 86_400)] = DEFAULT_STALL_SECONDS
    memory_gib: Annotated[float, between(0.25, 4096)] = DEFAULT_MEMORY_GIB
