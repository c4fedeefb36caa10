"""Who hears how far a flow is: Prefect's parameters are data, so that a listener cannot be handed over with them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, ParamSpec

P = ParamSpec("P")


class Hearing(Generic[P]):
    """Of one kind of flow; whoever listens is called from within its runs.

    Args:
        of: what is heard of.
    """

    def __init__(self, of: str) -> None:
        self._listener: ContextVar[Callable[P, object] | None] = ContextVar(of, default=None)

    @contextmanager
    def heard_by(self, listener: Callable[P, object]) -> Iterator[None]:
        """Have `listener` called with all that is told while the body runs."""
        token = self._listener.set(listener)
        try:
            yield
        finally:
            self._listener.reset(token)

    def tell(self, *what: P.args, **more: P.kwargs) -> None:
        """Call the listener, if there is one."""
        if listener := self._listener.get():
            listener(*what, **more)
