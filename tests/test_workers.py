"""Executors of local processes and Dask clusters, and what they do about work that ends or blocks its process."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from gfpipe import workers
from gfpipe.base.limits import Limits
from gfpipe.errors import StalledError, TransientError, UsageError, WorkerError
from gfpipe.workers import executors
from tests import work
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

PAIR = (("cert", "pem"), ("key", "key"))


def test_workers_do_not_import_the_parents_modules() -> None:
    import prefect  # noqa: F401

    with workers.pool(1) as pool:
        assert not pool.submit(work.imported, "prefect").result()


@pytest.mark.parametrize(("setting", "expected"), [(None, 1), ("2", 2)])
def test_a_worker_computes_in_one_thread_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, expected: int
) -> None:
    """Also a single worker: threads that share cores with other work wait for one another."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if setting:
        monkeypatch.setenv("OMP_NUM_THREADS", setting)
    with workers.pool(1, modules=("json",) * expected) as pool:  # of a process of its own
        assert pool.submit(work.threads).result() == expected


@pytest.mark.slow
def test_work_that_kills_its_process_is_tried_again_alone_and_then_fails() -> None:
    with workers.pool(1) as pool:
        with pytest.raises(
            WorkerError, match=r"worker process was killed.*also when it was tried again alone"
        ) as caught:
            pool.submit(work.die).result()
        assert not workers.is_pool_failure(caught.value)
        assert pool.submit(work.double, 21).result() == 42


def test_work_that_kills_its_process_once_succeeds_in_a_new_process(tmp_path: Path) -> None:
    with workers.pool(1) as pool:
        first = pool.submit(os.getpid).result()
        assert pool.submit(work.die_once, tmp_path / "mark").result() != first


@pytest.mark.slow
@pytest.mark.parametrize("hanging", [work.hang, work.hang_with_the_interpreter_locked])
def test_work_without_progress_is_ended_while_other_work_goes_on(hanging: Callable[[], None]) -> None:
    with workers.pool(2, limits=Limits(stall_seconds=1.5)) as pool:
        victim, other = pool.submit(hanging), pool.submit(work.progress_for, 4.0)
        with pytest.raises(StalledError, match=r"no progress for 1\.5 s"):
            victim.result()
        assert not other.done()
        assert other.result() == "done"


@pytest.mark.slow
def test_work_that_takes_too_much_memory_fails() -> None:
    with workers.pool(1, limits=Limits(memory_gib=1.0)) as pool:
        assert pool.submit(work.take, 0.1).result() > 0
        with pytest.raises(WorkerError, match="more than 1 GiB of memory"):
            pool.submit(work.take, 1.5).result()


def test_an_exception_that_cannot_be_read_back_is_named() -> None:
    with workers.pool(1) as pool, pytest.raises(RuntimeError, match="UnpicklableError: cannot be read back"):
        pool.submit(work.fail).result()


def test_an_interrupted_pool_ends_its_work_at_once() -> None:
    start = time.monotonic()
    with suppress(KeyboardInterrupt), workers.pool(1) as pool:
        pool.submit(os.getpid).result()
        start = time.monotonic()
        blocked, waiting = pool.submit(work.hang), pool.submit(work.double, 1)
        time.sleep(0.2)
        raise KeyboardInterrupt
    with pytest.raises(Exception, match="stopped"):
        blocked.result(timeout=5)
    assert waiting.cancelled()
    assert time.monotonic() - start < 5


@pytest.mark.slow
def test_work_that_kills_its_process_does_not_end_its_dask_worker() -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster,
        workers.pool(scheduler=cluster.scheduler_address) as pool,
    ):
        victim, others = pool.submit(work.die), pool.map(work.double, range(3))
        assert list(others) == [0, 2, 4]
        with pytest.raises(WorkerError, match="worker process was killed"):
            victim.result()


def test_calls_are_worth_another_try_when_the_dask_scheduler_was_lost_and_is_back(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    dask = Path(sys.executable).with_name("dask")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    scheduler = [dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = [dask, "worker", address, "--no-dashboard", "--no-nanny", "--local-directory", tmp_path / "dask"]
    with ExitStack() as stack:

        def start(command: list[object]) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        first = start(scheduler)
        start(worker)
        pool = stack.enter_context(workers.pool(scheduler=address))
        assert pool.submit(work.double, 1).result() == 2
        call = pool.submit(time.sleep, 60)
        first.kill()
        with pytest.raises(TransientError, match="connection to the Dask scheduler was lost"):
            call.result(timeout=60)
        start(scheduler)
        start(worker)
        assert pool.submit(work.double, 2).result(timeout=60) == 4


@pytest.mark.parametrize("on_gpu", [True, False])
def test_calls_for_a_gpu_go_to_dask_workers_that_have_one(on_gpu: bool) -> None:
    distributed = pytest.importorskip("distributed")
    options = {"worker": {"cls": distributed.Worker, "options": {"nthreads": 2}}}
    options |= {"gpu": {"cls": distributed.Worker, "options": {"nthreads": 1, "resources": {"gpu": 1}}}}
    scheduler = {"cls": distributed.Scheduler, "options": {"dashboard_address": None}}
    with (
        distributed.SpecCluster(options, scheduler) as cluster,
        distributed.Client(cluster) as client,
        workers.pool(scheduler=cluster.scheduler_address, on_gpu=on_gpu) as pool,
    ):
        client.wait_for_workers(2)
        assert list(pool.map(work.double, range(12))) == [2 * number for number in range(12)]
        calls = {
            name: sum(type(event).__name__ == "ComputeTaskEvent" for event in worker.state.stimulus_log)
            for name, worker in cluster.workers.items()
        }
    assert sum(calls.values()) == 12
    assert (calls["gpu"] == 12) is on_gpu


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
            assert list(pool.map(work.double, range(3))) == [0, 2, 4]
        with pytest.raises(UsageError, match=r"does not fit Dask's configuration .* dask\.yaml"):
            workers.pool(scheduler=address.replace("tls", "tcp")).__enter__()


def test_dask_client_with_certificates_of_another_cluster_is_refused(
    certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask

    subprocess.run(["sh", ROOT / "deploy" / "certificates.sh", tmp_path / "tls"], check=True)
    monkeypatch.setattr(executors, "SCHEDULER_TIMEOUT", "2s")
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
    monkeypatch.setattr(executors, "SCHEDULER_TIMEOUT", "1s")
    with pytest.raises(UsageError, match=r"no Dask scheduler responds at tcp://127\.0\.0\.1:9"):
        workers.pool(scheduler="tcp://127.0.0.1:9").__enter__()


def test_killed_worker_does_not_affect_other_work() -> None:
    with workers.pool(2) as pool:
        pool.submit(work.double, 0).result()
        others = [pool.submit(work.double, number) for number in range(8)]
        victim = pool.submit(work.die)
        with pytest.raises(WorkerError):
            victim.result()
        assert [other.result() for other in others] == [2 * number for number in range(8)]


def test_workers_have_the_modules_and_the_environment_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("before", "after"):
        monkeypatch.setenv("GFPIPE_TEST", value)
        with workers.pool(1, modules=("colorsys",)) as pool:
            assert pool.submit(work.imported, "colorsys").result()
            assert pool.submit(os.getenv, "GFPIPE_TEST").result() == value


def test_an_interrupt_does_not_wait_for_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "takes_long.py").write_text("import time; time.sleep(60)")
    monkeypatch.syspath_prepend(tmp_path)
    with suppress(KeyboardInterrupt), workers.pool(1, modules=("takes_long",)) as pool:
        call = pool.submit(work.double, 2)
        time.sleep(0.5)
        raise KeyboardInterrupt
    with pytest.raises(TransientError, match="stopped"):
        call.result(timeout=20)


def test_a_pool_goes_on_when_the_process_that_forks_its_workers_is_killed() -> None:
    with workers.pool(1, modules=("colorsys",)) as pool:
        os.kill(pool.submit(os.getppid).result(), signal.SIGKILL)
        assert pool.submit(work.double, 2).result() == 4


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
