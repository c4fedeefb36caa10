"""Executors: local processes, or a Dask cluster.

Workers keep their models loaded. loky's processes, unlike those of ``concurrent.futures``, do not import the parent's
main module, which would import Prefect in every worker.
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
    """Open an executor of local processes, or of a Dask scheduler's workers.

    Args:
        workers: number of local processes; 0 means one per available core.
        scheduler: address such as ``tls://10.0.0.1:8786``; its workers need gfpipe, the models and the same paths. It
            is trusted with everything: its answers are unpickled here. Certificates are those of Dask's configuration.

    Raises:
        UsageError: the scheduler does not respond, or Dask is not installed.
    """
    return _processes(workers or cores()) if scheduler is None else _cluster(scheduler)


def cores() -> int:
    """Number of cores available to this process, which containers and cpusets limit."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_pool_failure(error: BaseException) -> bool:
    """Whether a worker died (killed, out of memory, machine lost), as opposed to an error of the work itself."""
    dask = {"KilledWorker", "CommClosedError"}
    return isinstance(error, BrokenExecutor | TransientError) or type(error).__name__ in dask


class _Processes(ThreadPoolExecutor):
    """Threads with one process each, so that a recording that kills its worker does not affect others."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, thread_name_prefix="worker")
        self._torch_threads = max(1, cores() // workers)
        self._process_of: dict[int, Any] = {}

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        return super().submit(self._in_own_process, fn, *args, **kwargs)

    def kill(self) -> None:
        """Cancel pending work and kill running work."""
        self.shutdown(wait=False, cancel_futures=True)
        for process in self._process_of.values():
            process.shutdown(wait=False, kill_workers=True)

    def close(self) -> None:
        """Wait for all work and shut down."""
        self.shutdown()
        for process in self._process_of.values():
            process.shutdown()

    def _in_own_process(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        thread = threading.get_ident()
        process = self._process_of.get(thread) or self._process_of.setdefault(thread, _process(self._torch_threads))
        try:
            return process.submit(fn, *args, **kwargs).result()
        except BrokenExecutor:
            del self._process_of[thread]  # later work gets a new process
            raise


def _process(threads: int) -> Any:
    from loky import ProcessPoolExecutor  # noqa: PLC0415 - only where a pool is opened

    return ProcessPoolExecutor(
        1,
        timeout=None,  # idle workers keep their models
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
        raise UsageError(f"no Dask scheduler responds at {scheduler}: {exc}") from exc
    except (TypeError, RuntimeError) as exc:  # tls:// without certificates, tcp:// where encryption is required
        raise UsageError(
            f"{scheduler} does not fit Dask's configuration of certificates ({exc}); "
            "see dask.yaml, which gfpipe config init writes"
        ) from exc
    with client:
        yield client.get_executor(pure=False)


def _start_worker(parent: int, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends the pool
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
    import torch  # noqa: PLC0415 - the parent may not need torch at all

    torch.set_num_threads(threads)


def _exit_with(parent: int) -> None:
    """Exit when the parent process was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
