"""Connections of the labelling page's server: a slow client can neither keep one nor take all of them.

uvicorn waits without limit for a request that has begun, and for a client that does not read its response.
"""

from asyncio import TimerHandle, Transport
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class BoundedConnection(H11Protocol):
    """An HTTP/1.1 connection that is closed if its client is slow, or if many newer ones wait as well.

    Attributes:
        PATIENCE_SECONDS: time for a client to send a whole request, and to read what was sent of a response.
        MOST: connections at once. One more closes the one that has waited longest for its client; connections whose
            request is being answered stay.
    """

    PATIENCE_SECONDS: ClassVar[float] = 15.0
    MOST: ClassVar[int] = 64

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting_since: float | None = None
        self._deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in the base class
        """Begin to wait for the first request; make room if there are too many connections."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.MOST:
            waiting = [other for other in self.connections if isinstance(other, BoundedConnection)]
            min(waiting, key=lambda other: other.waiting_since).close_now()

    @property
    def waiting_since(self) -> float:
        """The event loop's time since which the connection has waited for its client; infinite while it answers."""
        return float("inf") if self._waiting_since is None else self._waiting_since

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of the request, or stop waiting if it is complete."""
        super().data_received(data)
        if self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._stop_waiting()
        elif self._deadline is None:
            self._wait()

    def on_response_complete(self) -> None:
        """Wait for the next request; uvicorn closes a connection on which none begins."""
        super().on_response_complete()
        if self._waiting_since is None:
            self._waiting_since = self.loop.time()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._wait()

    def resume_writing(self) -> None:
        """Stop waiting: the client has read."""
        super().resume_writing()
        self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._stop_waiting()
        super().connection_lost(exc)

    def close_now(self) -> None:
        """Close the connection without waiting for the client."""
        self.transport.abort()

    def _wait(self) -> None:
        self._stop_waiting()
        self._waiting_since = self.loop.time()
        self._deadline = self.loop.call_later(self.PATIENCE_SECONDS, self.close_now)

    def _stop_waiting(self) -> None:
        self._waiting_since = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
