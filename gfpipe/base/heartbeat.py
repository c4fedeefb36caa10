"""Signs of progress, by which the process that supervises this one tells slow work from work that hangs."""

import time
from collections.abc import Callable
from typing import Final

_INTERVAL: Final = 1.0


class Heartbeat:
    """Passes signs of progress on, at most one a second; without a receiver it does nothing."""

    def __init__(self) -> None:
        self._send: Callable[[], object] | None = None
        self._due = 0.0

    def connect(self, send: Callable[[], object]) -> None:
        """Call `send` for signs of progress from now on."""
        self._send = send

    def __call__(self) -> None:
        """Report that the work got further: a packet was read or a frame was sampled."""
        if self._send is not None and (now := time.monotonic()) >= self._due:
            self._due = now + _INTERVAL
            self._send()


beat: Final = Heartbeat()
