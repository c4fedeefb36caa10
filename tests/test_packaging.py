"""The installed package: content of the wheel, the command outside a checkout, and the files of a deployment."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pyarrow.parquet as pq
import pytest
import yaml  # type: ignore[import-untyped]
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate, WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.flows import load_flow_from_entrypoint

from gfpipe import warehouse
from gfpipe.recording import Status
from gfpipe.stages.analysis import demo
from tests.conftest import ROOT

FOREIGN = "raise ImportError('a package of the current folder was imported')\n"
ON_DASK = """
import subprocess, sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        subprocess.run([*sys.argv[1:], "--scheduler", cluster.scheduler_address], check=True)
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    (path,) = folder.glob("gfpipe-*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts of an environment with the wheel, and the dependencies of the current environment."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    # A path in a .pth file comes after the environment's own packages, and .pth files in it are not read.
    purelib = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(purelib) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder outside the checkout, with packages named `gfpipe` and `flows` that are not to be imported."""
    for name in ("gfpipe", "flows"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(FOREIGN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    return tmp_path


def run(*arguments: Any) -> str:
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_owns_one_import_name_and_has_everything_that_is_read_at_run_time(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    assert {name.partition("/")[0].partition("-")[0] for name in sizes} == {"gfpipe"}
    sources = [*(ROOT / "flows").glob("*.py"), *(ROOT / "sql").rglob("*.sql"), *(ROOT / "deploy").iterdir()]
    sources += [path for path in (ROOT / "gfpipe").rglob("*") if path.suffix in {".toml", ".jinja", ".js", ".css"}]
    expected = {path.relative_to(ROOT).as_posix().removeprefix("gfpipe/"): path for path in sources}
    for name, path in expected.items():
        assert sizes.get(f"gfpipe/{name}") == path.stat().st_size, name
    assert "gfpipe/py.typed" in sizes


@pytest.mark.slow
def test_the_installed_command_needs_no_checkout(installed: Path, elsewhere: Path) -> None:
    assert run(installed / "gfpipe", "--version").startswith("gfpipe ")
    run(installed / "gfpipe", "config", "init")
    assert (elsewhere / "limits.sh").read_bytes() == (ROOT / "deploy" / "limits.sh").read_bytes()
    assert run(installed / "gfpipe", "config", "check") == "OK\n"
    origin = "from importlib.util import find_spec; print(find_spec('gfpipe.flows.analyse').origin)"
    assert run(installed / "python", "-P", "-c", origin).startswith(str(installed.parent))


@pytest.mark.slow
def test_the_demo_of_the_wheel_is_within_one_step_per_cut_of_its_truth(installed: Path, elsewhere: Path) -> None:
    output = run(installed / "gfpipe", "demo", "--out", "demo")
    assert "women, true" in output
    assert (elsewhere / "demo" / "report.html").is_file()
    with warehouse.open(elsewhere / "demo" / "lake") as db:
        rows = db.query(
            "select r.path, r.status, s.analysed_seconds, s.female_face_seconds, s.male_face_seconds "
            "from recordings as r left join screen_time as s using (recording_id)"
        ).to_pylist()
    statuses = {"": Status.DONE, "cut": Status.PARTIAL, "text": Status.FAILED}
    for programme in demo.PROGRAMMES:
        (row,) = (row for row in rows if row["path"].endswith(programme.path))
        assert row["status"] == statuses[programme.damage]
        if not programme.damage:
            assert row["analysed_seconds"] == pytest.approx(programme.seconds, abs=1 / 25)
            assert row["female_face_seconds"] == pytest.approx(programme.female_face_seconds, abs=programme.cuts)
            assert row["male_face_seconds"] == pytest.approx(programme.male_face_seconds, abs=programme.cuts)


@pytest.mark.slow
def test_dask_workers_analyse_with_the_wheel(installed: Path, elsewhere: Path, archive: Path) -> None:
    pytest.importorskip("distributed")
    (elsewhere / "on_dask.py").write_text(ON_DASK)
    analyse = (installed / "gfpipe", "analyse", archive, "--lake", "lake", "--timezone", "UTC", "--channel", "one")
    run(installed / "python", "-P", "on_dask.py", *analyse, "--device", "cpu")
    (shard,) = (elsewhere / "lake" / "recordings").rglob("*.parquet")
    assert pq.read_table(shard)["status"].to_pylist() == ["done"]


def test_an_editable_installation_imports_flows_from_the_checkout(elsewhere: Path) -> None:
    url = json.loads(importlib.metadata.distribution("gfpipe").read_text("direct_url.json") or "{}")
    if not url.get("dir_info", {}).get("editable"):
        pytest.skip("gfpipe is not installed in editable mode")
    script = "from importlib.util import find_spec; print(find_spec('gfpipe.flows.limits').origin)"
    checkout = url["url"].removeprefix("file://")
    assert run(sys.executable, "-P", "-c", script).strip() == f"{checkout}/gfpipe/flows/limits.py"


def test_entrypoints_of_the_deployments_take_the_parameters_that_are_given() -> None:
    deployments = yaml.safe_load((ROOT / "deploy" / "prefect.yaml").read_text())["deployments"]
    assert len(deployments) == 3
    for deployment in deployments:
        flow: Flow[Any, Any] = load_flow_from_entrypoint(deployment["entrypoint"])
        flow.validate_parameters(deployment["parameters"])


@pytest.mark.parametrize("name", ["dask-scheduler", "dask-worker"])
def test_units_are_valid(name: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    unit = (ROOT / "deploy" / f"{name}.service").read_text()
    (tmp_path / f"{name}.service").write_text(unit.replace("/opt/gfpipe/bin/dask", sys.executable))
    assert run("systemd-analyze", "verify", "--man=no", tmp_path / f"{name}.service") == ""


def test_a_run_does_not_choose_the_command_or_environment_of_its_process() -> None:
    template = json.loads((ROOT / "deploy" / "work-pool.json").read_text())
    process = template["job_configuration"]
    assert (process["command"], process["env"], process["working_dir"]) == (None, {}, None)
    assert template["variables"]["properties"] == {}
    assert "{{" not in json.dumps(process)  # placeholders are filled in with a run's job variables


@pytest.mark.slow
def test_limits_and_deployments_are_created_on_a_server(
    prefect_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GFPIPE_ARCHIVE", "/archive")
    monkeypatch.setenv("GFPIPE_LAKE", "/lake")
    with get_client(sync_client=True) as client:
        before = {limit.name: limit.limit for limit in client.read_global_concurrency_limits()}
        try:
            run("sh", ROOT / "deploy" / "limits.sh", before["decode"] + 1, before["gpu"])
            after = {limit.name: limit.limit for limit in client.read_global_concurrency_limits()}
            assert after == {**before, "decode": before["decode"] + 1}
        finally:
            client.update_global_concurrency_limit("decode", GlobalConcurrencyLimitUpdate(limit=before["decode"]))
        template = json.loads((ROOT / "deploy" / "work-pool.json").read_text())
        with suppress(ObjectAlreadyExists):  # by another test
            client.create_work_pool(WorkPoolCreate(name="gfpipe", type="process", base_job_template=template))
    monkeypatch.chdir(tmp_path)
    run("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", ROOT / "deploy" / "prefect.yaml")
    deployments = httpx.post(f"{prefect_server}/deployments/filter", json={}).json()
    entrypoints = {deployment["entrypoint"]: deployment["parameters"] for deployment in deployments}
    assert entrypoints["gfpipe.flows.analyse.analyse_archive"]["job"]["archive"] == "/archive"
    assert entrypoints["gfpipe.flows.publish.publish_lake"] == {"lake": "/lake"}
