"""Executors of local processes and Dask clusters."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from gfpipe import workers
from gfpipe.errors import UsageError
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

PAIR = (("cert", "pem"), ("key", "key"))


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


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates as deploy/certificates.sh makes them."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("cluster") / "tls"
    subprocess.run(["sh", ROOT / "deploy" / "certificates.sh", folder], check=True)
    return folder


@contextmanager
def configured(certificates: Path) -> Iterator[str]:
    """Dask with the configuration of deploy/dask.yaml, and a cluster; the address of its scheduler."""
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    text = (ROOT / "deploy" / "dask.yaml").read_text().replace("/etc/gfpipe/tls", str(certificates))
    with dask.config.set(dask.config.merge(dask.config.config, yaml.safe_load(text))):
        options = {"n_workers": 1, "processes": False, "dashboard_address": None, "protocol": "tls://"}
        with distributed.LocalCluster(**options) as cluster:
            yield cluster.scheduler_address


def test_dask_cluster_with_certificates(certificates: Path) -> None:
    with configured(certificates) as address:
        assert address.startswith("tls://")
        with workers.pool(scheduler=address) as pool:
            assert list(pool.map(double, range(3))) == [0, 2, 4]
        with pytest.raises(UsageError, match=r"does not fit Dask's configuration .* dask\.yaml"):
            workers.pool(scheduler=address.replace("tls", "tcp")).__enter__()


def test_dask_client_with_certificates_of_another_cluster_is_refused(
    certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask

    subprocess.run(["sh", ROOT / "deploy" / "certificates.sh", tmp_path / "tls"], check=True)
    monkeypatch.setattr(workers, "SCHEDULER_TIMEOUT", "2s")
    with configured(certificates) as address:
        other = {f"client.{kind}": str(tmp_path / "tls" / f"client.{ending}") for kind, ending in PAIR}
        for files in (other | {"ca-file": str(tmp_path / "tls" / "ca.pem")}, other):
            with (
                dask.config.set({f"distributed.comm.tls.{name}": path for name, path in files.items()}),
                pytest.raises(UsageError, match="no Dask scheduler responds at tls://"),
            ):
                workers.pool(scheduler=address).__enter__()


def test_dask_without_certificates_is_wrong_use() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(UsageError, match=r"tls://127\.0\.0\.1:9 does not fit .* dask\.yaml"):
        workers.pool(scheduler="tls://127.0.0.1:9").__enter__()


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
