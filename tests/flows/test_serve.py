"""`gfpipe serve`: a server, a schedule, and no process left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Browser
from prefect.settings import PREFECT_HOME, temporary_settings

from gfpipe.curation.selection import Rules
from gfpipe.errors import GfpipeError, UsageError
from gfpipe.flows.artifacts import cells
from gfpipe.flows.learn import curate_and_retrain
from gfpipe.flows.serve import deployments, schedule
from gfpipe.flows.server import Server, _database
from gfpipe.flows.upkeep import remove_expired
from gfpipe.output import names, overview
from gfpipe.recording import Rejected
from gfpipe.settings import CropRetention, Learning, Settings
from tests.fixtures.browser import PageLog
from tests.fixtures.hostile import HOSTILE

T = TypeVar("T")
COMMAND = "from gfpipe.cli.main import main; main()"
PATIENCE_SECONDS = 400.0  # a busy machine starts a server, a flow run and a worker, one after the other


@pytest.fixture(scope="module")
def served(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Served"]:
    """``gfpipe serve`` on a free port, with an analysis every twenty seconds."""
    home = tmp_path_factory.mktemp("serve")
    (home / "gfpipe.toml").write_text(
        f'archive = "{archive}"\nlake = "lake"\ntimezone = "Europe/Paris"\nworkers = 1\n'
        'analyse_schedule = "every 20 seconds"\n[analysis]\ndevice = "cpu"\n'
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", "--config", str(home / "gfpipe.toml"), "--port", str(port)],
        env={**environment, "PREFECT_HOME": str(home / "prefect")},
    )
    try:
        yield Served(process, port, home)
    finally:
        process.kill()
        process.wait()


class Served:
    """The served site, read from the API."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, home: Path) -> None:
        self.process, self.url, self.home = process, f"http://127.0.0.1:{port}", home

    def post(self, path: str, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.post(self.url + "/api" + path, json=query, timeout=60).json()
        return found

    def deployment(self, flow: str) -> dict[str, Any]:
        """The deployment of a flow."""
        return self.post("/deployments/filter", flows={"name": {"any_": [flow]}})[0]

    def ended(self, deployment: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        """Create a run with the parameters, and return it when it has ended."""
        path = f"{self.url}/api/deployments/{deployment['id']}/create_flow_run"

        def start() -> dict[str, Any] | None:
            answer = httpx.post(path, json={"parameters": parameters}, timeout=60)
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # its database is busy: clients try again
                return None
            started: dict[str, Any] = answer.raise_for_status().json()
            return started

        run = wait_for(start)

        def end() -> dict[str, Any] | None:
            now: dict[str, Any] = httpx.get(f"{self.url}/api/flow_runs/{run['id']}", timeout=60).json()
            return now if now["state_type"] in {"COMPLETED", "FAILED", "CRASHED"} else None

        return wait_for(end)

    def analysis(self) -> dict[str, Any]:
        """The first scheduled run that has ended."""
        ended = {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}

        def first() -> dict[str, Any] | None:
            assert self.process.poll() is None, "gfpipe serve has ended"
            try:
                return next(iter(self.post("/flow_runs/filter", flow_runs=ended)), None)
            except httpx.TransportError:
                return None  # the server is not up yet

        run = wait_for(first)
        httpx.patch(f"{self.url}/api/deployments/{run['deployment_id']}", json={"paused": True}, timeout=60)
        return run


def test_a_site_with_crops_and_training_has_two_more_deployments(tmp_path: Path) -> None:
    lessons = Learning(["labelled:utkface=/data/UTKFace"], ["utkface=/data/UTKFace"], threshold=0.8)
    site = Settings("tv", str(tmp_path / "lake"), crops=CropRetention("30d"), learn=lessons)
    due = {deployment.full_name: deployment for deployment in deployments(site)}
    assert set(due) == {"analyse/nightly", "publish/nightly", "compact/weekly", "purge/nightly", "learn/monthly"}
    parameters = due["learn/monthly"].parameters
    assert parameters["job"].lake == str(tmp_path / "lake")
    assert parameters["job"].rules == Rules(threshold_female=0.8, threshold_male=0.8)
    curate_and_retrain.validate_parameters(parameters)
    remove_expired.validate_parameters(due["purge/nightly"].parameters)


@pytest.mark.slow
def test_a_scheduled_run_and_its_artifacts_are_in_the_api(served: Served, archive: Path) -> None:
    run = served.analysis()
    assert run["name"].startswith(f"{archive.name} · new by 20")
    assert run["state_name"] == "Failed"
    assert run["state"]["message"].endswith("; 1 new failure")
    assert run["auto_scheduled"]
    of_this_run = {"id": {"any_": [run["id"]]}}
    tasks = {task["name"]: task["state_name"] for task in served.post("/task_runs/filter", flow_runs=of_this_run)}
    assert tasks == {
        "one · 2001-03-04 20:00 · news": "Completed",
        "two · 2001-03-04 20:00 · news": "Completed",
        "two · 2001-03-04 21:30 · film": "Failed",
    }
    artifacts = {item["key"]: item["data"] for item in served.post("/artifacts/filter", flow_runs=of_this_run)}
    assert set(artifacts) == {"night", "coverage", "problems", "progress"}
    assert "2130_film.mp4" in artifacts["problems"]


@pytest.mark.slow
def test_all_deployments_are_served(served: Served) -> None:
    served.analysis()
    flows = {flow["id"]: flow["name"] for flow in served.post("/flows/filter")}
    names = {f"{flows[item['flow_id']]}/{item['name']}" for item in served.post("/deployments/filter")}
    assert names == {"analyse/nightly", "publish/nightly", "compact/weekly"}


@pytest.mark.slow
def test_the_ui_works_in_a_browser_and_other_sites_reach_nothing(served: Served, browser: Browser) -> None:
    served.analysis()
    for url in (served.url, served.url.replace("127.0.0.1", "localhost")):
        page = browser.new_page()
        log = PageLog.of(page)
        page.goto(f"{url}/deployments", timeout=120_000)
        page.get_by_text("publish").first.wait_for(timeout=120_000)
        assert not [message for message in log.messages if "CORS" in message or "WebSocket" in message]
        page.close()
    page = browser.new_page()
    page.route("http://evil.example/", lambda route: route.fulfill(body="<p>cats</p>", content_type="text/html"))
    page.goto("http://evil.example/")
    attack = """([url, type]) => fetch(
        `${url}/api/flows/`, {method: "POST", body: new Blob(['{"name": "evil"}'], {type})}
    ).then(() => "answered", () => "refused")"""
    for kind in ("", "text/plain", "application/json"):
        assert page.evaluate(attack, [served.url, kind]) == "refused"
    page.close()
    assert "evil" not in {flow["name"] for flow in served.post("/flows/filter")}


@pytest.mark.slow
def test_a_run_elsewhere_is_refused_and_code_of_a_deployment_is_not_run(served: Served) -> None:
    served.analysis()
    publish, elsewhere, executed = served.deployment("publish"), served.home / "elsewhere", served.home / "executed"
    step = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {executed}"}}
    change = {"pull_steps": [step], "entrypoint": "os.path.join", "path": str(served.home)}
    path = f"{served.url}/api/deployments/{publish['id']}"
    httpx.patch(path, json=change, timeout=60).raise_for_status()
    run = served.ended(publish, publish["parameters"] | {"lake": str(elsewhere)})
    assert run["state_type"] == "FAILED"
    assert f"lake is '{elsewhere}', not '{served.home / 'lake'}'" in run["state"]["message"]
    assert not elsewhere.exists()
    assert served.ended(publish, {})["state_type"] == "COMPLETED"
    assert not executed.exists()


@pytest.mark.slow
def test_names_are_text_of_artifacts(served: Served, browser: Browser) -> None:
    served.analysis()
    rejected = [Rejected(f"/tv/{name}", f"no date: {name}", name, name) for name in HOSTILE]
    artifacts = {
        "markdown": overview.problems(rejected, []) + "".join(f"\n- {names.markdown(name)}\n" for name in HOSTILE),
        "table": json.dumps(cells(overview.coverage([], rejected, []))),
    }
    for kind, data in artifacts.items():
        artifact = {"key": f"hostile-{kind}", "type": kind, "data": data}
        made = httpx.post(f"{served.url}/api/artifacts/", json=artifact, timeout=60).raise_for_status().json()
        page = browser.new_page()
        log = PageLog.of(page)
        page.goto(f"{served.url}/artifacts/artifact/{made['id']}", timeout=120_000)
        page.get_by_text("onerror=alert(2)").first.wait_for(timeout=120_000)
        text = " ".join(page.locator("body").inner_text().split())
        for shown in HOSTILE.values():
            assert " ".join(shown.split()) in text
        assert not [message for message in log.messages if message.startswith("dialog")]
        assert not [url for url in log.requests if "evil.example" in url or url.endswith("/x")]
        assert page.locator("a[href*=alert], a[href*=evil]").count() == 0
        page.close()


@pytest.mark.slow
def test_ctrl_c_ends_the_server_too(served: Served) -> None:
    served.analysis()
    children = psutil.Process(served.process.pid).children(recursive=True)
    served.process.send_signal(signal.SIGINT)
    served.process.wait(timeout=PATIENCE_SECONDS)
    assert psutil.wait_procs(children, timeout=30)[1] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(served.url)


@pytest.mark.slow
def test_a_server_does_not_outlive_a_killed_command() -> None:
    script = (
        "import sys, time; from gfpipe.flows.server import Server; print(Server().url, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        url = command.stdout.readline().strip()
        command.kill()
    wait_for(lambda: not _listens(url) or None)


def test_a_taken_port_is_wrong_use() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"port {port} is taken"):
            Server(port)


def test_two_servers_never_write_to_one_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", raising=False)
    with temporary_settings({PREFECT_HOME: tmp_path}), ExitStack() as held:
        (first, lock), (second, no_lock) = _database(full=False), _database(full=False)
        assert lock is not None
        held.enter_context(lock)
        assert str(tmp_path) in str(first)
        assert "memory" in str(second)
        assert no_lock is None
        _, served = _database(full=True)
        assert served is not None
        held.enter_context(served)
        with pytest.raises(UsageError, match="another gfpipe serve"):
            _database(full=True)


def test_the_runs_of_a_command_are_kept_in_memory_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", raising=False)
    monkeypatch.setattr("gfpipe.flows.server._LEAST_FREE_BYTES", 1 << 60)
    with temporary_settings({PREFECT_HOME: tmp_path}):
        environment, lock = _database(full=False)
        assert "memory" in str(environment)
        assert lock is None
        assert list(tmp_path.iterdir()) == []
        _, lock = _database(full=True)
        assert lock is not None
        lock.close()


def test_a_server_does_not_start_without_room_for_its_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", raising=False)
    monkeypatch.setattr("gfpipe.flows.server._SMALLEST_BYTES", 1 << 60)
    with (
        temporary_settings({PREFECT_HOME: tmp_path}),
        pytest.raises(GfpipeError, match="no space left on the disk of Prefect's database; free some, or set PREFECT_"),
    ):
        _database(full=True)


@pytest.mark.parametrize("text", ["0 3 * * *", "every 30 minutes"])
def test_a_schedule_is_a_cron_line_or_an_interval(text: str) -> None:
    assert schedule(text, "Europe/Paris").timezone == "Europe/Paris"


@pytest.mark.parametrize("text", ["at night", "every minute", "61 3 * * *"])
def test_any_other_schedule_is_wrong_use(text: str) -> None:
    with pytest.raises(UsageError, match="neither a cron line"):
        schedule(text, None)


def wait_for(ask: Callable[[], T | None]) -> T:
    """Call until the result is not None."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if (answer := ask()) is not None:
            return answer
        time.sleep(0.5)
    pytest.fail(f"no answer in {PATIENCE_SECONDS:.0f} s")


def _listens(url: str) -> bool:
    try:
        httpx.get(url, timeout=2)
    except httpx.ConnectError:
        return False
    except httpx.TransportError:
        return True
    return True
