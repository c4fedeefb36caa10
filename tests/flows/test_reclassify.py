"""The flow `reclassify` on a real Prefect server and in real workers."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from gfpipe.base.progress import Progress
from gfpipe.choices import Device
from gfpipe.cli import flow_runs
from gfpipe.errors import LakeError, UsageError
from gfpipe.flows.jobs.recordings import ReclassifyJob
from gfpipe.flows.progress import reporting_to
from gfpipe.flows.reclassify import reclassify_lake
from gfpipe.lake import shards
from gfpipe.lake.index import earlier
from gfpipe.models import champion, store
from gfpipe.recording import Status, Summary
from gfpipe.settings import Analysis
from tests.fixtures.flows import NIGHT
from tests.flows.runs import Run
from tests.pipeline.archives import analyse_all

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def analysed(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings under the default model; the file of the second has been deleted since."""
    folder = tmp_path_factory.mktemp("analysed")
    shutil.copytree(archive, folder / "archive")
    analyse_all(folder / "archive", folder / "lake", Analysis(device=Device.CPU))
    (folder / "archive" / "two" / NIGHT / "2000_news.mp4").unlink()
    return folder / "lake"


@pytest.fixture
def lake(analysed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(analysed, tmp_path / "lake"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another model: the default one under another name."""
    default = store.open_model(champion.FIRST)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GFPIPE_MODELS", str(tmp_path_factory.mktemp("models")))
        return str(store.save_model(replace(default.card, id="other"), default.weights))


def job(lake: Path, classifier: str, **parameters: Any) -> ReclassifyJob:
    return ReclassifyJob(lake=str(lake), classifier=classifier, device=Device.CPU, workers=1, **parameters)


def test_each_recording_is_a_task_run_and_one_without_its_file_is_left_as_it_was(
    prefect_server: str, lake: Path, other: str
) -> None:
    reports: list[Progress] = []
    with reporting_to(reports.append):
        state: State[Any] = reclassify_lake(job(lake, other), return_state=True)
    run = Run(prefect_server, state)
    assert (state.name, state.message) == ("Failed", "1 reclassified, 1 left as they were")
    assert run.task_states == {
        "one · 2001-03-04 20:00 · news": "COMPLETED",
        "two · 2001-03-04 20:00 · news": "FAILED",
    }
    assert [item["name"] for item in run.post("/flow_runs/filter")] == ["lake · everything"]
    assert run.artifacts["progress"]["data"] == 100
    assert "no such file" in run.artifacts["problems"]["data"]
    assert reports[0].item is None
    assert sum(isinstance(progress.item, Summary) for progress in reports) == 2
    found = [shards.stored(str(lake), recording) for recording in earlier.analysed(str(lake))]
    assert [each.provenance.classifier_id for each in found if each] == ["other", champion.FIRST]


def test_the_command_skips_finished_recordings_and_other_channels(prefect_server: str, lake: Path, other: str) -> None:
    (first,) = flow_runs.reclassify(job(lake, other, channels=["one"]))
    assert (first.status, first.reused) == (Status.DONE, False)
    one, two = flow_runs.reclassify(job(lake, other))
    assert (one.reused, two.status) == (True, Status.FAILED)
    assert "no such file" in str(two.reason)


def test_wrong_use_is_reported_before_anything_starts(lake: Path, other: str, tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="nothing has been analysed yet"):
        flow_runs.reclassify(job(tmp_path / "nowhere", other))
    with pytest.raises(UsageError, match="no channel 'three'; choose one of one, two"):
        flow_runs.reclassify(job(lake, other, channels=["three"]))
