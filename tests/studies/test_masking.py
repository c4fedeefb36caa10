"""What the study of masking trains: the same but for one word, and into a folder of its own."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from gfpipe.errors import UsageError
from gfpipe.studies import masking


@pytest.fixture
def config(tmp_path: Path) -> masking.Config:
    return masking.Config("utkface=nowhere", tmp_path, seeds=2, reduced=True)


def test_the_maskings_have_the_same_budget_and_differ_in_one_word(config: masking.Config) -> None:
    found = [asdict(config.recipe(each, 1)) for each in masking.MASKINGS]
    assert [each["stages"][1].pop("masking") for each in found] == list(masking.MASKINGS)
    assert len({json.dumps(each | {"name": ""}, sort_keys=True) for each in found}) == 1
    assert {each["seed"] for each in found} == {1}


def test_trainings_go_seed_by_seed_into_the_study_s_own_folder(config: masking.Config) -> None:
    assert masking.plan(config).splitlines() == [
        *(f"masked-{each}-seed-{seed}" for seed in (0, 1) for each in ("random", "sensitive", "other")),
        "6 of 6 trainings are not finished, each shown 32,000 faces",
    ]
    training = config.training("random", 0)
    assert training.place == config.out / "models" / "masked-random-seed-0"
    assert training.bank == config.out / "chips"


def test_what_is_finished_is_not_due(config: masking.Config) -> None:
    training = config.training("random", 0)
    training.folder.claim(restart=False)
    training.folder.finish({"sha256": "0"}, keep_chips=False)
    assert "5 of 6 trainings are not finished" in masking.plan(config)


def test_the_light_variant_hides_patches_while_labels_are_learned(tmp_path: Path) -> None:
    config = masking.Config("utkface=nowhere", tmp_path, seeds=1, light=True)
    stages = config.recipe(masking.LIGHT, 0).stages
    assert [(stage.task, stage.masking) for stage in stages] == [("labels", ""), ("labels", "sensitive")]
    assert "masked-fine-tuning-seed-0" in masking.plan(config)


def test_data_that_are_not_there_are_refused(config: masking.Config) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        masking.run(config, lambda _: None, lambda _: None)
