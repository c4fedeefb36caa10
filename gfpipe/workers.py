"""Where the work runs: processes of this machine, or a Dask cluster, behind one standard Executor.

Workers keep their models loaded and never import Prefect. loky's processes do not re-import the parent's main module;
the standard pool's do, and with it, under Prefect, five seconds of Prefect in every worker.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
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


def is_pool_failure(error: BaseException) -> bool:
    """Whether a worker died under the work (killed, out of memory, machine gone), rather than the work failing."""
    dask = {"KilledWorker", "CommClosedError"}
    return isinstance(error, BrokenExecutor | TransientError) or type(error).__name__ in dask


class _Processes(ThreadPoolExecutor):
    """Threads that each own one process: a recording that kills its worker takes no other recording with it."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, thread_name_prefix="worker")
        self._threads_each = max(1, cores() // workers)
        self._process_of: dict[int, Any] = {}

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        return super().submit(self._in_own_process, fn, *args, **kwargs)

    def kill(self) -> None:
        """End at once: work that has not begun is dropped, work under way is broken off."""
        self.shutdown(wait=False, cancel_futures=True)
        for process in self._process_of.values():
            process.shutdown(wait=False, kill_workers=True)

    def close(self) -> None:
        """End once all work is done."""
        self.shutdown()
        for process in self._process_of.values():
            process.shutdown()

    def _in_own_process(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        me = threading.get_ident()
        process = self._process_of.get(me) or self._process_of.setdefault(me, _process(self._threads_each))
        try:
            return process.submit(fn, *args, **kwargs).result()
        except BrokenExecutor:
            del self._process_of[me]  # the next work gets a new process
            raise


def _process(threads: int) -> Any:
    from loky import ProcessPoolExecutor  # noqa: PLC0415 - only where a pool is opened

    return ProcessPoolExecutor(
        1,
        timeout=None,  # a worker that idles between two recordings keeps its models
        initializer=_start_worker,
        initargs=(os.getpid(), threads),
        env={"OMP_NUM_THREADS": str(threads)},
    )


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    executor = _Processes(workers)
    try:
        yield executor
    except BaseException:
        executor.kill()
        raise
    executor.close()


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


def _start_worker(parent: int, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle: it ends the pool
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import torch  # noqa: PLC0415 - the parent may not need torch at all

    torch.set_num_threads(threads)


def _end_with(parent: int) -> None:
    """Leave no worker behind when the parent was killed and could not say goodbye."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
