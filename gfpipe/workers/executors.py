"""Executors of supervised processes, on this machine or on a Dask cluster.

Workers keep their models loaded, and do not import the parent's main module, which would import Prefect in each.
"""

import os
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any, Final

from gfpipe.base.limits import Limits
from gfpipe.errors import TransientError, UsageError
from gfpipe.workers.launcher import launcher
from gfpipe.workers.supervision import Supervisor

SCHEDULER_TIMEOUT = "30s"
_LOST: Final = "the connection to the Dask scheduler was lost"


class Pool(Executor):
    """An executor that says how many calls it runs at once."""

    size: int


def pool(
    workers: int = 0,
    scheduler: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    modules: tuple[str, ...] = (),
    *,
    on_gpu: bool = False,
) -> AbstractContextManager[Pool]:
    """Open an executor of local processes, or of processes on the machines of a Dask cluster.

    Its calls raise WorkerError if they crash, exceed the limits, or make no progress; others are not affected.

    Args:
        workers: number of local processes; 0 means one per available core.
        scheduler: address such as ``tls://10.0.0.1:8786``; its workers need gfpipe, the models and the same paths. It
            is trusted with everything: its answers are unpickled here. Certificates are those of Dask's configuration.
        limits: of each call.
        modules: names of modules that calls need and that take long to import; they are imported once.
        on_gpu: use only workers of the cluster with the resource ``gpu``, one unit a call, if any has it.

    Raises:
        UsageError: the scheduler does not respond, or Dask is not installed.
    """
    if scheduler is not None:
        return _cluster(scheduler, limits, modules, on_gpu=on_gpu)
    return _processes(workers or cores(), limits, modules)


def warm(modules: tuple[str, ...] = ()) -> None:
    """Start importing the modules of a local :func:`pool` that is opened later, without waiting for it."""
    launcher(modules).warm()


def cores() -> int:
    """Number of cores available to this process, which containers and cpusets limit."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_pool_failure(error: BaseException) -> bool:
    """Whether to try again: a machine or its connection was lost, as opposed to an error of the work itself."""
    dask = {"KilledWorker", "CommClosedError"}
    return isinstance(error, TransientError) or type(error).__name__ in dask


class _Processes(ThreadPoolExecutor, Pool):
    """Threads that supervise one process each."""

    def __init__(self, workers: int, limits: Limits, modules: tuple[str, ...]) -> None:
        super().__init__(workers, thread_name_prefix="worker")
        self.size = workers
        self._supervisor = Supervisor(limits, launcher(modules))

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        return super().submit(self._supervisor, fn, *args, **kwargs)

    def close(self, *, wait: bool) -> None:
        """Shut down, after all work is done or at once."""
        self.shutdown(wait=wait, cancel_futures=not wait)
        self._supervisor.close()


@contextmanager
def _processes(workers: int, limits: Limits, modules: tuple[str, ...]) -> Iterator[Pool]:
    executor = _Processes(workers, limits, modules)
    try:
        yield executor
    except BaseException:
        executor.close(wait=False)
        raise
    executor.close(wait=True)


class _ClusterExecutor(Pool):
    """Supervises processes on the workers of a Dask cluster, so that a crash does not end the Dask worker."""

    def __init__(self, executor: Executor, size: int, limits: Limits, modules: tuple[str, ...]) -> None:
        self._executor, self.size, self._limits, self._modules = executor, size, limits, modules
        self.is_closing = False

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        outcome: Future[Any] = Future()

        def settle(call: "Future[Any]") -> None:
            if call.cancelled():  # by the client: the scheduler no longer knows the call
                outcome.set_exception(CancelledError() if self.is_closing else TransientError(_LOST))
            elif error := call.exception():
                outcome.set_exception(error)
            else:
                outcome.set_result(call.result())

        call = self._executor.submit(_on_cluster, self._limits, self._modules, fn, *args, **kwargs)
        call.add_done_callback(settle)
        return outcome


@contextmanager
def _cluster(scheduler: str, limits: Limits, modules: tuple[str, ...], *, on_gpu: bool) -> Iterator[Pool]:
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
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        needed = {"gpu": 1} if on_gpu and any("gpu" in worker["resources"] for worker in workers) else None
        size = sum(worker["resources"].get("gpu", 0) if needed else worker["nthreads"] for worker in workers)
        calls = client.get_executor(pure=False, resources=needed)
        executor = _ClusterExecutor(calls, int(size), limits, modules)
        try:
            yield executor
        finally:
            executor.is_closing = True


def _on_cluster(limits: Limits, modules: tuple[str, ...], fn: Any, /, *args: Any, **kwargs: Any) -> Any:
    return _cluster_supervisor(limits, modules)(fn, *args, **kwargs)


@lru_cache(maxsize=1)
def _cluster_supervisor(limits: Limits, modules: tuple[str, ...]) -> Supervisor:
    """The supervisor of a Dask worker, whose processes live as long as it does."""
    return Supervisor(limits, launcher(modules))
