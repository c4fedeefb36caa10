"""A study of masking: equal budgets, a folder per study, and a tiny study through the command."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Trial
from gfpipe.models import store
from gfpipe.studies import masking, runner
from gfpipe.studies.masking import Masking
from gfpipe.training import recipe as recipes
from gfpipe.training.recipe import Recipe
from tests.conftest import Command


@pytest.fixture
def config(tmp_path: Path) -> Masking:
    return Masking("utkface=nowhere", seeds=2, reduced=True, out=tmp_path)


def test_the_maskings_have_the_same_budget_and_differ_in_one_word(config: Masking) -> None:
    found = [asdict(config.recipe(each, 1)) for each in masking.MASKINGS]
    assert [each["stages"][1].pop("masking") for each in found] == list(masking.MASKINGS)
    assert len({json.dumps(each | {"name": "", "title": ""}, sort_keys=True) for each in found}) == 1
    assert {each["seed"] for each in found} == {1}


def test_trainings_go_seed_by_seed_into_the_study_s_own_folder(config: Masking) -> None:
    assert config.plan().splitlines() == [
        *(f"masked-{each}-seed-{seed}" for seed in (0, 1) for each in ("random", "sensitive", "other")),
        "6 of 6 trainings are not finished, each shown 32,000 faces",
    ]
    assert config.trainings[0].config.model_folder == config.folder / "models" / "masked-random-seed-0"


def test_a_finished_training_is_not_due(config: Masking) -> None:
    training = config.trainings[0].config
    training.folder.claim(restart=False)
    training.folder.finish({"sha256": "0"}, keep_chips=False)
    assert "6 of 6 trainings are not finished" in config.plan(), "the model is missing"
    training.model_folder.mkdir(parents=True)
    (training.model_folder / store.CARD).write_text("{}")
    assert "5 of 6 trainings are not finished" in config.plan()


def test_the_light_variant_hides_patches_while_labels_are_learned(tmp_path: Path) -> None:
    config = Masking("utkface=nowhere", seeds=1, light=True, out=tmp_path)
    stages = config.recipe(masking.LIGHT, 0).stages
    assert [(stage.task, stage.masking) for stage in stages] == [("labels", ""), ("labels", "sensitive")]
    assert "masked-fine-tuning-seed-0" in config.plan()


def test_missing_data_are_refused(config: Masking) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        runner.run(config)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"data": "utkface=elsewhere"}, "another data"), ({"reduced": False}, "another setting")],
)
def test_a_folder_of_another_study_is_refused(config: Masking, change: dict[str, object], reason: str) -> None:
    config.claim()
    replace(config, seeds=3, light=True).claim()
    with pytest.raises(UsageError, match=f"holds a study of {reason}: choose another --out"):
        runner.run(replace(config, **change))  # type: ignore[arg-type]


def test_a_finished_run_of_another_recipe_is_refused_in_a_folder_without_a_claim(config: Masking) -> None:
    full = replace(config, reduced=False).trainings[0].config
    full.folder.claim(restart=False)
    full.folder.finish({"sha256": "0"}, keep_chips=False)
    with pytest.raises(UsageError, match="holds a run of another recipe"):
        runner.run(config)


@pytest.fixture
def tiny(utkface: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A benchmark, and recipes that learn from 32 of its faces once."""
    find = recipes.find

    def tiny_recipe(name: str) -> Recipe:
        reduced = find(name).at_reduced_setting
        stages = tuple(replace(stage, epochs=1, epoch_faces=32, batch=16) for stage in reduced.stages)
        return replace(reduced, stages=stages, precision="fp32")

    monkeypatch.setattr(recipes, "find", tiny_recipe)
    return utkface


@pytest.mark.slow
def test_a_study_through_the_command(gfpipe: Command, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    command = ["study", "masking", "--seeds", "1", "--out", str(out), "--device", "cpu"]
    said = gfpipe(*command, "--data", f"utkface={tiny}", "--reduced")
    assert said.code == 0, said.stderr
    assert said.stdout == (out / "study.txt").read_text()
    names = {path.name for path in out.iterdir()}
    assert {"study.json", "study.md", "seeds.csv", "models.csv", "spread.csv", "answers.parquet", "models"} <= names
    assert not (out / "chips").exists()
    models = [f"masked-{name}-seed-0" for name in masking.MASKINGS]
    assert list(Trial.read(out / "answers.parquet").models) == models
    assert "At the recipes’ reduced setting." in said.stdout
    assert said.stderr.count("cutting chips") == 1, "all trainings share the chips"

    again = gfpipe(*command, "--data", f"utkface={tiny}", "--reduced")
    assert (again.code, again.stdout) == (0, said.stdout)
    assert "measuring" not in again.stderr
    assert "masked-" not in again.stderr

    for options, reason in (
        (["--data", f"utkface={tiny}"], "another setting"),
        (["--data", f"utkface={tmp_path}", "--reduced"], "another data"),
    ):
        refused = gfpipe(*command, *options)
        assert refused.code == 2
        assert f"holds a study of {reason}: choose another --out" in refused.stderr

    more = gfpipe(*command, "--data", f"utkface={tiny}", "--reduced", "--light")
    assert more.code == 0, more.stderr
    assert "[1/1] masked-fine-tuning-seed-0" in more.stderr
    assert "fine-tuning" in (out / "seeds.csv").read_text().splitlines()[0]
