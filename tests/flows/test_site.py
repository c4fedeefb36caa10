"""Runs of a served site use its own archive, lake, workers, models and data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gfpipe import settings
from gfpipe.base.limits import Limits
from gfpipe.counting import Counting
from gfpipe.errors import UsageError
from gfpipe.flows.analyse import analyse_archive
from gfpipe.flows.jobs.recordings import AnalysisJob
from gfpipe.flows.jobs.training import LearnJob
from gfpipe.flows.learn import curate_and_retrain
from gfpipe.flows.publish import publish_lake
from gfpipe.flows.security import site
from gfpipe.flows.upkeep import compact_lake, remove_expired
from gfpipe.settings import Analysis, CropRetention, Settings

TOML = """
archive = "tv"
lake = "lake"
[crops]
expires = "30d"
[learn]
data = ["utkface=/data/UTKFace"]
gate_data = ["utkface=/data/UTKFace"]
"""
OTHER_ANALYSES: dict[str, Any] = {
    "archive": "/home",
    "lake": "/srv/elsewhere",
    "scheduler": "tcp://evil.example:8786",
    "pattern": "{channel}",
    "timezone": "Asia/Tokyo",
    "workers": 1000,
    "analysis": Analysis(classifier="/srv/model"),
    "counting": Counting(min_face=1.0),
    "crops": CropRetention("52w"),
}
OTHER_LESSONS: dict[str, Any] = {
    "lake": "/srv/elsewhere",
    "data": ["utkface=/home"],
    "gate_data": ["utkface=/home"],
    "recipe": "/srv/recipe.toml",
    "out": "/srv/out",
    "begin_with": "/srv/model",
    "detector": "/srv/model",
    "name": "../../elsewhere",
    "model": "../../elsewhere",
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A site whose settings bind the runs of this process."""
    (tmp_path / "gfpipe.toml").write_text(TOML)
    monkeypatch.setenv(site.VARIABLE, str(tmp_path / "gfpipe.toml"))
    return settings.load(tmp_path / "gfpipe.toml")


@pytest.mark.parametrize("name", OTHER_ANALYSES)
def test_an_analysis_elsewhere_is_refused(own: Settings, name: str) -> None:
    job = AnalysisJob.of(own).model_copy(update={name: OTHER_ANALYSES[name]})
    with pytest.raises(UsageError, match=rf"refused: .*gfpipe\.toml, but {name} is .*, not "):
        analyse_archive.fn(job)
    assert not Path(own.lake).exists()


@pytest.mark.parametrize("name", OTHER_LESSONS)
def test_training_elsewhere_is_refused(own: Settings, name: str) -> None:
    job = LearnJob.of(own).model_copy(update={name: OTHER_LESSONS[name]})
    with pytest.raises(UsageError, match=rf"refused: .*gfpipe\.toml, but {name} is .*, not "):
        curate_and_retrain.fn(job)


@pytest.mark.parametrize(
    "run",
    [
        lambda own, lake: publish_lake.fn(str(lake), own.counting),
        lambda own, _: publish_lake.fn(own.lake, Counting(min_score=0.5)),
        lambda _, lake: remove_expired.fn(str(lake)),
        lambda _, lake: compact_lake.fn(str(lake)),
    ],
)
def test_publishing_and_removing_elsewhere_is_refused(
    own: Settings, tmp_path: Path, run: Callable[[Settings, Path], object]
) -> None:
    with pytest.raises(UsageError, match="refused"):
        run(own, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_days_and_channels_may_be_chosen(own: Settings) -> None:
    job = AnalysisJob.of(own).model_dump(mode="json") | {"since": "2024-01-01", "channels": ["one"]}
    site.refuse_others(dict(AnalysisJob(**job)), lambda site: dict(AnalysisJob.of(site)))


def test_jobs_are_equal_after_they_have_been_stored_by_prefect(own: Settings) -> None:
    lessons = LearnJob.of(own).model_dump(mode="json")
    site.refuse_others(dict(LearnJob(**lessons)), lambda site: dict(LearnJob.of(site)))


def test_the_reclassification_after_learning_has_the_workers_of_the_site(own: Settings) -> None:
    site_of_its_own = replace(own, workers=3, scheduler="tcp://10.0.0.1:8786", limits=Limits(stall_seconds=60))
    job = LearnJob.of(site_of_its_own).reclassification("ours")
    assert (job.lake, job.classifier) == (own.lake, "ours")
    assert (job.workers, job.scheduler, job.limits) == (3, "tcp://10.0.0.1:8786", Limits(stall_seconds=60))


def test_changed_settings_are_named(own: Settings, tmp_path: Path) -> None:
    job = AnalysisJob.of(own)
    (tmp_path / "gfpipe.toml").write_text(TOML.replace('"tv"', '"radio"'))
    with pytest.raises(UsageError, match="restart gfpipe serve"):
        analyse_archive.fn(job)


def test_commands_are_not_confined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(site.VARIABLE, raising=False)
    site.refuse_others({"lake": str(tmp_path)}, vars)
