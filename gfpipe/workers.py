"""Where the work runs: processes of this machine, or a Dask cluster, behind one standard Executor.

Workers keep their models loaded and never import Prefect. loky's processes do not re-import the parent's
main module (the standard pool's do, and with it, under Prefect, five seconds of Prefect in every worker),
and its pool replaces itself when a worker is killed.
"""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from gfpipe.errors import TransientError, UsageError

SCHEDULER_TIMEOUT = "30s"


def pool(workers: int = 0, scheduler: str | None = None) -> AbstractContextManager[Executor]:
    """Open an executor: local processes, or the workers of the Dask scheduler at ``scheduler``.

    Args:
        workers: local processes; 0 means one a core that this process may use.
        scheduler: such as ``tcp://10.0.0.1:8786``; its workers need gfpipe, the models and the same paths.

    Raises:
        UsageError: the scheduler does not answer, or Dask is not installed.
    """
    return _processes(workers or cores()) if scheduler is None else _cluster(scheduler)


def cores() -> int:
    """Cores that this process may use: containers and cpusets often grant fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Processes(Executor):
    """A loky pool that is made anew after a worker was killed."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: Any = None

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self._pool = self._living()
        return self._pool.submit(fn, *args, **kwargs)  # type: ignore[no-any-return]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=wait, kill_workers=cancel_futures)

    def _living(self) -> Any:
        from loky import get_reusable_executor  # noqa: PLC0415 - only where a pool is opened

        # A worker that idles between two recordings must keep its models: no time-out.
        return get_reusable_executor(
            self._workers,
            timeout=None,
            initializer=_start_worker,
            initargs=(max(1, cores() // self._workers),),
            env={"OMP_NUM_THREADS": str(max(1, cores() // self._workers))},
        )


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    executor = _Processes(workers)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


@contextmanager
def _cluster(scheduler: str) -> Iterator[Executor]:
    try:
        from distributed import Client  # noqa: PLC0415 - an optional dependency
    except ImportError as exc:
        raise UsageError(f"workers at {scheduler} need Dask: pip install 'gfpipe[cluster]'") from exc
    try:
        client: Any = Client(scheduler, timeout=SCHEDULER_TIMEOUT)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as exc:
        raise UsageError(f"no Dask scheduler answers at {scheduler}: {exc}") from exc
    with client:
        yield client.get_executor(pure=False)


def _start_worker(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle: it ends the pool
    import torch  # noqa: PLC0415 - the parent may not need torch at all

    torch.set_num_threads(threads)


def is_pool_failure(error: BaseException) -> bool:
    """Whether a worker died under the work (killed, out of memory, machine gone), rather than the work failing."""
    from concurrent.futures import BrokenExecutor  # noqa: PLC0415

    return isinstance(error, BrokenExecutor | TransientError) or type(error).__name__ in {
        "KilledWorker",
        "CommClosedError",
    }
