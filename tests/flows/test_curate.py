"""The flow `learn` on a real Prefect server, with a very short training."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from prefect.client.schemas.objects import State

from gfpipe.choices import Device
from gfpipe.curation import sets
from gfpipe.curation.selection import Rules
from gfpipe.errors import UsageError
from gfpipe.evaluation.gate.non_inferiority import Margins
from gfpipe.flows.jobs.training import LearnJob
from gfpipe.flows.learn import curate_and_retrain
from gfpipe.flows.retrain import retrain_model
from gfpipe.flows.upkeep import remove_expired
from gfpipe.lake import shards
from gfpipe.lake.index import earlier
from gfpipe.models import champion, store
from gfpipe.settings import CropRetention
from gfpipe.stages.models import curate
from tests.curation.lakes import analyse_all, label_crops, programme
from tests.flows.runs import Run
from tests.flows.test_retrain import job as retrain_job
from tests.flows.test_retrain import mirrored
from tests.lake.pictures import pictures

pytestmark = pytest.mark.slow
WIDE = Margins(accuracy=100, gap=100, worst=100)  # a few faces show little
RULES = Rules(0.5, 0.5, validation=0.3)


@pytest.fixture
def lake(crop_lake: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crop_lake, tmp_path / "lake"))


@pytest.fixture
def lessons(recipe: Path, tmp_path: Path) -> str:
    text = recipe.read_text().replace('data = "people"', 'data = "people + curated"')
    (tmp_path / "lessons.toml").write_text(text)
    return str(tmp_path / "lessons.toml")


def learn(lake: Path, faces: Path, lessons: str, tmp_path: Path, **parameters: Any) -> State[Any]:
    job = LearnJob(
        lake=str(lake),
        data=[f"people:folders={faces}"],
        gate_data=[f"others:folders={mirrored(faces, tmp_path)}"],
        recipe=lessons,
        name="march",
        rules=RULES,
        model="taught",
        out=str(tmp_path / "run"),
        device=Device.CPU,
        margins=WIDE,
        **parameters,
    )
    state: State[Any] = curate_and_retrain(job, return_state=True)
    return state


def test_a_model_trained_on_the_archive_is_promoted_and_the_lake_reclassified(
    prefect_server: str, own_models: Path, lake: Path, faces: Path, lessons: str, tmp_path: Path
) -> None:
    for hour, variant in (("20", 1), ("22", 2)):
        programme(tmp_path / "more", f"tv1/2001-03-07/{hour}00_debate.mp4", variant, seconds=20)
    analyse_all(tmp_path / "more", lake, CropRetention("30d", per_track=100, per_day=1_000_000))
    asked = label_crops(lake, "debate")
    assert asked > 130  # some are the same to the byte, and the gate wants a hundred
    state = learn(lake, faces, lessons, tmp_path, least_labels=100, reestimate=True)
    assert (state.name, champion.champion()) == ("Promoted", "taught")
    decision: Any = state.result()
    assert {check.data for check in decision.checks} == {"others", "archive"}
    chosen = pq.read_table(lake / "sets" / "march" / "faces.parquet")["recording_id"].to_pylist()
    assert chosen
    assert not any("debate" in recording for recording in chosen)  # people labelled it: it is measured on
    assert "curated" in store.card("taught").to_json()
    assert {
        found.row["classifier_id"]
        for found in (shards.stored(str(lake), each) for each in earlier.analysed(str(lake)))
        if found
    } == {"taught"}
    shown = Run(prefect_server, state).artifacts
    assert "another face of its track was selected" in shown["curated"]["data"]
    assert {"selection-curves", "gate", "decision", "evaluation", "screen-time"} <= set(shown)
    assert (lake / "gfpipe.duckdb").is_file()


def test_too_few_labels_and_the_break_of_the_figures_are_reported(
    prefect_server: str, own_models: Path, lake: Path, faces: Path, lessons: str, tmp_path: Path
) -> None:
    state = learn(lake, faces, lessons, tmp_path)
    shown = Run(prefect_server, state).artifacts
    assert "0 stored faces are labelled and new" in shown["no-labels"]["data"]
    assert "classifier_breaks" in shown["break"]["data"]
    assert {check.data for check in state.result().checks} == {"others"}


def test_a_lake_without_crops_is_an_error_with_its_remedy(
    prefect_server: str, own_models: Path, lake: Path, faces: Path, lessons: str, tmp_path: Path
) -> None:
    shutil.rmtree(lake / "crops")
    with pytest.raises(UsageError, match="--keep-crops"):
        learn(lake, faces, lessons, tmp_path).result()


def test_pseudo_labels_are_refused_as_gate_data_before_training(
    prefect_server: str, own_models: Path, lake: Path, faces: Path, lessons: str, tmp_path: Path
) -> None:
    own = f"curated={curate.run(curate.Config(lake, 'march', RULES)).folder}"
    with pytest.raises(UsageError, match="measure only the agreement of two models"):
        retrain_model(retrain_job(Path(lessons), faces, [own], tmp_path))
    assert not (tmp_path / "run").exists()


def test_expired_crops_are_removed_with_their_rows_of_sets(prefect_server: str, own_models: Path, lake: Path) -> None:
    summary = curate.run(curate.Config(lake, "march", RULES))
    assert len(pictures(lake)) > 0
    for path in (lake / "crops").rglob("*.parquet"):
        table = pq.read_table(path)
        place = table.schema.get_field_index("expires_at")
        pq.write_table(table.set_column(place, table.schema.field(place), table["kept_at"]), path)
    state: State[Any] = remove_expired(str(lake), return_state=True)
    assert state.is_completed()
    assert pictures(lake) == []
    assert not (summary.folder / sets.FACES).exists()
