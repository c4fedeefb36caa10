"""Where the work runs: processes and clusters behind one Executor."""

import os
import signal
import sys
import time

import pytest

from gfpipe import workers
from gfpipe.errors import UsageError


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


def test_workers_do_not_import_what_the_parent_has_imported() -> None:
    import prefect  # noqa: F401

    with workers.pool(1) as pool:
        assert not pool.submit(imported, "prefect").result()


def test_torch_shares_the_cores_among_the_workers() -> None:
    with workers.pool(2) as pool:
        assert pool.submit(threads).result() == max(1, workers.cores() // 2)


def test_a_killed_worker_is_replaced() -> None:
    with workers.pool(1) as pool:
        with pytest.raises(Exception, match="terminated|killed|SIGKILL") as caught:
            pool.submit(die).result()
        assert workers.is_pool_failure(caught.value)
        assert pool.submit(double, 21).result() == 42


def test_a_dask_cluster_runs_the_same_work() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
        with workers.pool(scheduler=cluster.scheduler_address) as pool:
            assert list(pool.map(double, range(3))) == [0, 2, 4]


def test_a_scheduler_that_does_not_answer_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SCHEDULER_TIMEOUT", "1s")
    with pytest.raises(UsageError, match="no Dask scheduler answers at tcp://127.0.0.1:9"):
        workers.pool(scheduler="tcp://127.0.0.1:9").__enter__()
