"""Executors of local processes and Dask clusters."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest

from gfpipe import workers
from gfpipe.errors import UsageError
from tests.conftest import ROOT


def imported(module: str) -> bool:
    return module in sys.modules


def threads() -> int:
    import torch

    return torch.get_num_threads()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def double(number: int) -> int:
    time.sleep(0.05)
    return 2 * number


def test_workers_do_not_import_the_parents_modules() -> None:
    import prefect  # noqa: F401

    with workers.pool(1) as pool:
        assert not pool.submit(imported, "prefect").result()


def test_torch_threads_are_divided_among_workers() -> None:
    with workers.pool(2) as pool:
        assert pool.submit(threads).result() == max(1, workers.cores() // 2)


def test_killed_worker_is_replaced() -> None:
    with workers.pool(1) as pool:
        with pytest.raises(Exception, match=r"terminated|killed|SIGKILL") as caught:
            pool.submit(die).result()
        assert workers.is_pool_failure(caught.value)
        assert pool.submit(double, 21).result() == 42


def test_dask_cluster() -> None:
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None)
    with cluster, workers.pool(scheduler=cluster.scheduler_address) as pool:
        assert list(pool.map(double, range(3))) == [0, 2, 4]


def test_scheduler_without_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SCHEDULER_TIMEOUT", "1s")
    with pytest.raises(UsageError, match=r"no Dask scheduler responds at tcp://127\.0\.0\.1:9"):
        workers.pool(scheduler="tcp://127.0.0.1:9").__enter__()


def test_killed_worker_does_not_affect_other_work() -> None:
    with workers.pool(2) as pool:
        pool.submit(double, 0).result()
        others = [pool.submit(double, number) for number in range(8)]
        victim = pool.submit(die)
        with pytest.raises(BrokenExecutor):
            victim.result()
        assert [other.result() for other in others] == [2 * number for number in range(8)]


def test_workers_exit_with_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not alive(worker):
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker still runs ten seconds after its parent was killed")


_PARENT = """
import os, time
from gfpipe import workers
with workers.pool(1) as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 60).result()
"""


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # A zombie has exited.
    return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
