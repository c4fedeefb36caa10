"""The flow `analyse` on a real Prefect server and in real workers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.states import Failed

from gfpipe import workers
from gfpipe.base.progress import Progress
from gfpipe.choices import Device
from gfpipe.errors import DiskFullError, LakeError, TransientError, UsageError, WorkerError
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.flows import limits, server
from gfpipe.flows.analyse import Shares, analyse_archive, analyse_recording, is_transient
from gfpipe.flows.jobs.recordings import AnalysisJob
from gfpipe.flows.progress import reporting_to
from gfpipe.lake import shards
from gfpipe.lake.index import earlier
from gfpipe.models import champion
from gfpipe.models.weights import WEIGHTS
from gfpipe.nights import verdict
from gfpipe.recording import Recording, Status, Summary
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import analyse as stage
from tests import work
from tests.flows.runs import Run
from tests.nights.lakes import a_night_ago

pytestmark = pytest.mark.slow
CPU = Analysis(device=Device.CPU)


@pytest.fixture(scope="module")
def night(prefect_server: str, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> "Night":
    """One run of the flow over the archive, and the progress it reported."""
    reports: list[Progress] = []
    with reporting_to(reports.append):
        lake = str(tmp_path_factory.mktemp("lake"))
        job = AnalysisJob(archive=str(archive), lake=lake, timezone="Europe/Paris", analysis=CPU, workers=1)
        state: State[Any] = analyse_archive(job, return_state=True)
    return Night(prefect_server, state, reports, lake)


class Night(Run):
    """The run, and the progress it reported."""

    def __init__(self, api_url: str, state: State[Any], reports: list[Progress], lake: str) -> None:
        super().__init__(api_url, state)
        self.reports, self.lake = reports, lake


def test_a_bad_recording_fails_its_own_task_run_and_no_other(night: Night) -> None:
    assert night.task_states == {
        "one · 2001-03-04 20:00 · news": "COMPLETED",
        "two · 2001-03-04 20:00 · news": "COMPLETED",
        "two · 2001-03-04 21:30 · film": "FAILED",
    }
    (message,) = [run["state"]["message"] for run in night.post("/task_runs/filter") if "film" in run["name"]]
    assert "2130_film.mp4" in message


def test_a_new_failure_ends_the_flow_as_failed_with_every_summary(night: Night) -> None:
    assert sorted(summary.status for summary in night.result) == [Status.DONE, Status.DONE, Status.FAILED]
    assert night.state.name == "Failed"
    assert str(night.state.message).endswith(": 2 of 3 recordings, 0:00:06 of 0:00:06; 1 new failure")


def test_the_verdict_of_gfpipe_status_is_the_first_artifact(night: Night) -> None:
    first = min(night.post("/artifacts/filter"), key=lambda artifact: str(artifact["created"]))
    assert (first["key"], first["description"]) == ("night", night.state.message)
    assert verdict.of(night.lake).headline == night.state.message
    assert "2130_film.mp4" in first["data"]


def test_a_known_failure_is_tried_again_the_next_night_and_ends_no_run_as_failed(
    night: Night, archive: Path, tmp_path: Path
) -> None:
    lake = str(shutil.copytree(night.lake, tmp_path / "lake"))
    a_night_ago(lake, "film")
    job = AnalysisJob(archive=str(archive), lake=lake, timezone="Europe/Paris", analysis=CPU, workers=1)
    state: State[Any] = analyse_archive(job, return_state=True)
    assert state.name == "Completed"
    assert str(state.message).endswith("; 1 known")
    summaries: Any = state.result(raise_on_failure=False)
    assert sorted((summary.status, summary.reused) for summary in summaries)[-1] == (Status.FAILED, False)


def test_the_flow_run_is_named_after_its_archive(night: Night, archive: Path) -> None:
    (run,) = night.post("/flow_runs/filter")
    assert run["name"].startswith(f"{archive.name} · new by 20")


def test_artifacts_show_coverage_progress_and_problems(night: Night) -> None:
    artifacts = {key: artifact["data"] for key, artifact in night.artifacts.items()}
    assert artifacts["progress"] == 100
    assert '"channel": "two"' in artifacts["coverage"]
    assert '"failed": 1' in artifacts["coverage"]
    assert "2130_film.mp4" in artifacts["problems"]


def test_the_callback_receives_the_total_and_then_each_summary(night: Night) -> None:
    assert [(progress.done, progress.total) for progress in night.reports] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert night.reports[0].item is None
    assert sum(isinstance(progress.item, Summary) for progress in night.reports) == 3


def test_a_run_in_which_every_recording_failed_has_failed(prefect_server: str, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "bad" / "2001-03-04").mkdir(parents=True)
    (tmp_path / "bad" / "2001-03-04" / "2000_news.mp4").write_text("no video")
    job = AnalysisJob(archive=str(tmp_path), lake=str(tmp_path / "lake"), timezone="UTC", analysis=CPU, workers=1)
    state: State[Any] = analyse_archive(job, return_state=True)
    assert state.is_failed()
    summaries: Any = state.result(raise_on_failure=False)
    assert [summary.status for summary in summaries] == [Status.FAILED]


def test_the_champion_classifies_and_the_lake_records_its_id(
    prefect_server: str, archive: Path, own_models: Path, tmp_path: Path
) -> None:
    champion.record("twin", Decision("twin", champion.FIRST, passed=True, checks=()))
    assert CPU.classifier == champion.WORD
    lake = str(tmp_path / "lake")
    analyse_archive(
        AnalysisJob(archive=str(archive), lake=lake, timezone="UTC", channels=["one"], analysis=CPU, workers=1)
    )
    found = [shards.stored(lake, recording) for recording in earlier.analysed(lake)]
    assert [each.provenance.classifier_id for each in found if each] == ["twin"]


@pytest.mark.parametrize("is_configured", [True, False])
def test_the_command_imports_no_torch_and_starts_no_server_for_nothing(
    night: Night, archive: Path, tmp_path: Path, is_configured: bool
) -> None:
    script = "import sys; from gfpipe.cli.main import main\ntry: main()\nfinally: print(*sys.modules)"
    arguments = ["analyse", archive, "--lake", night.lake, "--timezone", "Europe/Paris", "--channel", "one"]
    environment = {name: value for name, value in os.environ.items() if is_configured or name != "PREFECT_API_URL"}
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment | {"PREFECT_HOME": str(tmp_path)},
    )
    assert "(1 analysed before)" in done.stderr
    modules = set(done.stdout.split())
    assert modules & {"torch", "av", "scipy"} == set()
    assert ("prefect" in modules) == is_configured


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("pyproject.toml", '[project]\ndependencies = ["prefect"]', False),
        ("pyproject.toml", "[tool.prefect]", True),
        ("prefect.toml", "", True),
        (".env", "DATABASE=x", False),
        (".env", "prefect_api_url=http://localhost:4200/api", True),
        ("none", "", False),
    ],
)
def test_only_files_that_name_prefect_may_configure_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, content: str, expected: bool
) -> None:
    for name in [*filter(lambda name: name.startswith("PREFECT_"), os.environ)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text(content)
    assert server.may_be_configured() == expected


def test_damaged_weights_end_the_command_before_any_recording_and_without_torch(
    archive: Path, tmp_path: Path, own_models: Path
) -> None:
    weights = shutil.copytree(own_models / champion.FIRST, own_models / "ours") / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    script = "import sys; from gfpipe.cli.main import main\ntry: main()\nfinally: print(*sys.modules)"
    arguments = ["analyse", archive, "--lake", "lake", "--timezone", "Europe/Paris", "--classifier", "ours"]
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"},
    )
    assert done.returncode == 1
    assert f"gfpipe: {weights} has sha256" in " ".join(done.stderr.split())
    assert done.stderr.count("sha256") == 1
    assert not {"torch", "prefect"} & set(done.stdout.split())
    assert not (tmp_path / "lake").exists()


def test_workers_never_import_prefect(prefect_server: str) -> None:
    @flow
    def look_into_a_worker() -> bool:
        with workers.pool(1) as pool:
            # By value, as every lambda travels: the name of this module would have the worker import it.
            loaded: bool = pool.submit(lambda: "prefect" in __import__("sys").modules).result()
            return loaded

    assert "prefect" in sys.modules
    assert look_into_a_worker() is False


def test_a_transient_error_is_retried(prefect_server: str, archive: Path, tmp_path: Path) -> None:
    pool = Failing([TransientError("the share went away"), ConnectionResetError("and again")])
    summary = _analyse_one(archive / "one" / "2001-03-04" / "2000_news.mp4", tmp_path, pool)
    assert (summary.status, pool.calls) == (Status.DONE, 3)


@pytest.mark.parametrize("error", [LakeError("no space left"), PermissionError(13, "not yours"), ValueError("a bug")])
def test_a_permanent_error_is_not_retried(prefect_server: str, archive: Path, tmp_path: Path, error: Exception) -> None:
    pool = Failing([error])
    with pytest.raises(type(error)):
        _analyse_one(archive / "one" / "2001-03-04" / "2000_news.mp4", tmp_path, pool)
    assert pool.calls == 1


def test_a_recording_whose_worker_dies_has_failed_with_its_reason_in_the_lake(
    prefect_server: str, archive: Path, tmp_path: Path
) -> None:
    path = archive / "one" / "2001-03-04" / "2000_news.mp4"
    pool = Failing([WorkerError("its worker process was ended by SIGSEGV")])
    assert _analyse_one(path, tmp_path, pool).status is Status.FAILED
    assert pool.calls == 1
    stored = shards.stored(str(tmp_path), _recording(path))
    assert stored is not None
    assert stored.summary.reason == f"{path}: its worker process was ended by SIGSEGV"


def test_a_full_disk_ends_the_run_with_its_error(
    prefect_server: str, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "run", work.fill_the_disk)
    folder = tmp_path / "many" / "tv" / "2001-03-04"
    folder.mkdir(parents=True)
    for hour in range(24):
        (folder / f"{hour:02}00_news.mp4").touch()
    job = AnalysisJob(archive=str(tmp_path / "many"), lake=str(tmp_path), timezone="UTC", analysis=CPU, workers=1)
    state: State[Any] = analyse_archive(job, return_state=True)
    assert isinstance(state.result(raise_on_failure=False), DiskFullError)
    assert "stopped: " in str(state.message)
    assert len(list(tmp_path.glob("*.tried"))) < 5


def test_a_failed_recording_is_not_retried() -> None:
    recording = Recording("x.mp4", "one", "news", datetime(2001, 3, 4, tzinfo=UTC))
    failed: State[Any] = Failed(data=Summary(recording, Status.FAILED, reason="x.mp4: not a video"))
    assert not is_transient(analyse_recording, None, failed)  # type: ignore[arg-type]


def test_a_missing_limit_on_a_configured_server_is_an_error_with_its_remedy(
    prefect_server: str, archive: Path, tmp_path: Path
) -> None:
    with get_client(sync_client=True) as client:
        client.delete_global_concurrency_limit_by_name("decode")
    try:
        with pytest.raises(
            UsageError,
            match=r"no concurrency limit 'decode'; create it with limits\.sh",
        ):
            analyse_archive(AnalysisJob(archive=str(archive), lake=str(tmp_path), timezone="UTC", analysis=CPU))
    finally:
        limits.create()


def test_slots_of_a_killed_run_are_freed(prefect_server: str) -> None:
    with get_client(sync_client=True) as client:
        taken = {"names": ["decode"], "slots": 1, "mode": "concurrency"}
        httpx.post(f"{prefect_server}/v2/concurrency_limits/increment", json=taken).raise_for_status()
        assert client.read_global_concurrency_limit_by_name("decode").active_slots == 1
        limits.create()
        assert client.read_global_concurrency_limit_by_name("decode").active_slots == 0


class Failing(workers.Pool):
    """Raises the given errors, then runs calls in this process."""

    def __init__(self, errors: list[Exception]) -> None:
        self._errors, self.calls, self.size = errors, 0, 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _recording(path: Path) -> Recording:
    return Recording(str(path), "one", "news", datetime(2001, 3, 4, 20, tzinfo=UTC))


def _analyse_one(path: Path, lake: Path, pool: workers.Pool) -> Summary:
    recording = _recording(path)

    @flow
    def one() -> Summary:
        quick = analyse_recording.with_options(retry_delay_seconds=0)
        config = replace(CPU, classifier=champion.FIRST)
        run = partial(stage.run_in, lake=str(lake), config=config)
        fail = partial(stage.fail, lake=str(lake), provenance=stage.prepare(config))
        state = quick(recording, run, fail, pool, Shares(1, 1), ["decode"], return_state=True)
        result: Any = state.result(raise_on_failure=False)
        if isinstance(result, BaseException):
            raise result
        return cast("Summary", result)

    return one()


@pytest.mark.parametrize(
    ("recordings", "cores", "expected"),
    [
        (1, 1, [1]),
        (1, 8, [8]),
        (3, 8, [2, 4, 8]),
        (8, 8, [1] * 8),
        (10, 4, [1] * 4 + [1] * 3 + [1, 2, 4]),
        (0, 8, []),
    ],
)
def test_the_last_recordings_share_the_workers(recordings: int, cores: int, expected: list[int]) -> None:
    shares = Shares(recordings, cores)
    assert [shares() for _ in range(recordings)] == expected


def test_a_single_recording_uses_all_workers(
    prefect_server: str, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "SEGMENT_BYTES", 1000)
    monkeypatch.setattr(stage, "run", work.fill_the_disk)  # of the whole
    job = AnalysisJob(
        archive=str(archive), lake=str(tmp_path), timezone="UTC", channels=["one"], analysis=CPU, workers=2
    )
    reports: list[Progress] = []
    with reporting_to(reports.append):
        (summary,) = analyse_archive(job)
    assert (summary.status, summary.samples) == (Status.DONE, 3)
    assert [(progress.done, progress.total) for progress in reports] == [(0, 1), (1, 1)]
