"""The flow `retrain` on a real Prefect server."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from prefect.client.schemas.objects import State

from gfpipe.base.progress import Progress
from gfpipe.choices import Device
from gfpipe.cli import flow_runs as run
from gfpipe.cli import learning
from gfpipe.errors import UsageError
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.evaluation.gate.non_inferiority import Margins
from gfpipe.flows.jobs.training import RetrainJob
from gfpipe.flows.progress import reporting_to
from gfpipe.flows.retrain import retrain_model
from gfpipe.models import champion, store
from tests.flows.runs import Run

pytestmark = pytest.mark.slow
WIDE = Margins(accuracy=100, gap=100, worst=100)  # a hundred faces show little


def job(recipe: Path, faces: Path, gate_data: list[str], folder: Path, **parameters: Any) -> RetrainJob:
    return RetrainJob(
        recipe=str(recipe),
        data=[f"people:folders={faces}"],
        gate_data=gate_data,
        out=str(folder / "run"),
        device=Device.CPU,
        **parameters,
    )


def test_a_candidate_is_trained_evaluated_and_promoted_with_artifacts(
    prefect_server: str, own_models: Path, faces: Path, recipe: Path, tmp_path: Path
) -> None:
    reports: list[Progress] = []
    others = [f"others:folders={mirrored(faces, tmp_path)}"]
    with reporting_to(reports.append):
        state: State[Any] = retrain_model(job(recipe, faces, others, tmp_path, margins=WIDE), return_state=True)
    ran, today = Run(prefect_server, state), datetime.now(UTC).date()
    candidate = ran.result.candidate
    assert candidate in (f"tiny-{today}", f"tiny-{today - timedelta(days=1)}")  # midnight may pass
    assert (state.name, ran.result.promoted, champion.champion()) == ("Promoted", True, candidate)
    assert {check.data for check in ran.result.checks} == {"others"}
    assert ran.task_states == {
        f"train {candidate}": "COMPLETED",
        f"evaluate {candidate} and {champion.FIRST}": "COMPLETED",
        f"compare {candidate} with the champion": "COMPLETED",
    }
    artifacts = ran.artifacts
    assert '"epoch": 2' in artifacts["epochs"]["data"]
    assert "worst group" in artifacts["gate"]["data"]
    assert "gfpipe reclassify" in artifacts["decision"]["data"]
    assert "### Accuracy by perceived gender" in artifacts["evaluation"]["data"]
    for picture in ("learning-curves", "roc", "confusion"):
        assert artifacts[picture]["type"] == "image"
        assert artifacts[picture]["data"].startswith("data:image/svg+xml;base64,")
    assert artifacts["training"]["data"] == 100
    assert {progress.activity for progress in reports} >= {"cutting chips", "training", "measuring"}
    assert (tmp_path / "run" / "gate" / "tables.md").is_file()


def test_a_candidate_that_does_not_pass_is_not_a_failure(
    prefect_server: str, own_models: Path, faces: Path, recipe: Path, tmp_path: Path
) -> None:
    text = recipe.read_text().replace(champion.FIRST, "contrary")
    (tmp_path / "tiny.toml").write_text(text)
    others = [f"others:folders={mirrored(faces, tmp_path)}"]
    decision = run.retrain(job(tmp_path / "tiny.toml", faces, others, tmp_path, model="worse"))
    assert isinstance(decision, Decision)
    assert not decision.promoted
    assert champion.champion() == champion.FIRST
    assert store.card("worse").decisions == (decision,)


def test_too_few_faces_end_in_no_decision(
    prefect_server: str, own_models: Path, faces: Path, recipe: Path, tmp_path: Path
) -> None:
    state: State[Any] = retrain_model(job(recipe, faces, [f"people:folders={faces}"], tmp_path), return_state=True)
    ran = Run(prefect_server, state)
    assert (state.is_completed(), state.name, champion.champion()) == (True, "No decision", champion.FIRST)
    assert "24 faces are too few to decide on" in str(state.message)
    assert set(ran.task_states.values()) == {"COMPLETED"}
    assert "Nothing was changed" in ran.artifacts["decision"]["data"]
    with pytest.raises(typer.Exit) as ended:
        learning.conclude(ran.result)
    assert ended.value.exit_code == 1


def test_wrong_use_is_reported_before_anything_starts(
    own_models: Path, faces: Path, recipe: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no recipe 'tinny'"):
        run.retrain(job(Path("tinny"), faces, [f"people:folders={faces}"], tmp_path))
    with pytest.raises(UsageError, match="nowhere"):
        run.retrain(job(recipe, faces, ["folders=nowhere"], tmp_path))


def test_real_faces_from_a_recipe_to_a_decision(
    prefect_server: str, own_models: Path, shared: Path, recipe: Path, tmp_path: Path
) -> None:
    """80 faces for training, 160 others for the gate."""
    images = sorted((shared / "utkface" / "images").iterdir())[::40][:240]
    for name, part in (("learn", images[::3]), ("judge", [image for n, image in enumerate(images) if n % 3])):
        (tmp_path / name).mkdir()
        for image in part:
            shutil.copy(image, tmp_path / name)
    parameters = RetrainJob(
        recipe=str(recipe),
        data=[f"people:utkface={tmp_path / 'learn'}"],
        gate_data=[f"utkface={tmp_path / 'judge'}"],
        model="ours",
        out=str(tmp_path / "run"),
        device=Device.CPU,
    )
    state: State[Any] = retrain_model(parameters, return_state=True)
    ran = Run(prefect_server, state)
    assert state.is_completed()
    assert (state.name == "Promoted") is (champion.champion() == "ours")
    assert [check.faces for check in ran.result.checks][:2] == [160, 160]
    assert "heatmap" in ran.artifacts


def mirrored(faces: Path, folder: Path) -> Path:
    """Mirrored pictures, on which no model was trained."""
    from PIL import Image, ImageOps

    for path in sorted(faces.rglob("*.png")):
        target = folder / "mirrored" / path.relative_to(faces)
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as picture:
            ImageOps.mirror(picture).save(target)
    return folder / "mirrored"
