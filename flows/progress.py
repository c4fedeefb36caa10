"""Progress of flow runs: an artifact in Prefect's UI, and a callback in the process that started the run.

Flow parameters are data that Prefect stores, so that the callback is a context variable.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from gfpipe.base.progress import OnProgress, Progress, no_progress

_UPDATE_SECONDS: Final = 10.0
_callback: ContextVar[OnProgress] = ContextVar("on_progress", default=no_progress)


@contextmanager
def reporting_to(on_progress: OnProgress) -> Iterator[None]:
    """Call `on_progress` with the progress of every flow that runs in the body."""
    token = _callback.set(on_progress)
    try:
        yield
    finally:
        _callback.reset(token)


def _describe(progress: Progress) -> str:
    epoch = f"{progress.stage}, epoch {progress.epoch} of {progress.epochs}" if progress.epoch else progress.activity
    return f"{epoch}: {progress.done} of {progress.total}"


@contextmanager
def reported(key: str, describe: Callable[[Progress], str] = _describe) -> Iterator[OnProgress]:
    """Yield a callback that updates the run's progress artifact `key`, and calls the callback of `reporting_to`."""
    artifact = cast("UUID", create_progress_artifact(0.0, key, "preparing"))
    updated, text = 0.0, "done"

    def on_progress(progress: Progress) -> None:
        nonlocal updated, text
        _callback.get()(progress)
        text = describe(progress)
        if progress.total and time.monotonic() - updated > _UPDATE_SECONDS:
            updated = time.monotonic()
            update_progress_artifact(artifact, 100 * progress.done / progress.total, text)

    yield on_progress
    update_progress_artifact(artifact, 100.0, text)
