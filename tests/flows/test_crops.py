"""Crops of the settings are stored by the workers and removed by a purge."""

from datetime import timedelta
from pathlib import Path

import pytest

from gfpipe.choices import Device
from gfpipe.cli import flow_runs as run
from gfpipe.flows.jobs.recordings import AnalysisJob
from gfpipe.flows.serve import deployments
from gfpipe.lake import crops
from gfpipe.models import champion
from gfpipe.settings import Analysis, CropRetention, Settings
from gfpipe.stages.analysis import demo
from gfpipe.video.encode import write_video
from tests.conftest import Command
from tests.lake.pictures import pictures

CPU = Analysis(classifier=champion.FIRST, device=Device.CPU)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    (folder / "one" / "2001-03-04").mkdir(parents=True)
    frames = demo.footage().frames((("both", 3),))
    write_video(folder / "one" / "2001-03-04" / "2000_news.mp4", frames)
    return folder


@pytest.mark.slow
def test_workers_store_crops_and_the_purge_command_removes_them(
    prefect_server: str, archive: Path, tmp_path: Path, gfpipe: Command
) -> None:
    lake = str(tmp_path / "lake")
    job = AnalysisJob(archive=str(archive), lake=lake, timezone="UTC", analysis=CPU, workers=1)
    (summary,), _ = run.analyse(job)
    assert pictures(lake) == []
    kept = job.model_copy(update={"crops": CropRetention("2w", per_day=1_000_000)})
    (again,), _ = run.analyse(kept)
    assert not again.reused
    assert again.faces == summary.faces
    found = crops.present(lake)
    assert len(found) == 2
    (left,) = {row["expires_at"] - row["kept_at"] for row in found.to_pylist()}
    assert left == timedelta(days=14)
    (third,), _ = run.analyse(kept)
    assert third.reused
    assert gfpipe("purge", "--lake", lake, "--all", "--yes").code == 0
    assert pictures(lake) == []


def test_the_nightly_deployment_has_the_crops_of_the_settings(tmp_path: Path) -> None:
    crops = CropRetention("30d", again=False)
    nightly, *_ = deployments(Settings(str(tmp_path), str(tmp_path / "lake"), crops=crops))
    assert nightly.parameters["job"].crops == crops
