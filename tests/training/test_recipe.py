"""Recipes: every word is checked, and what a recipe leaves out is sensible."""

from pathlib import Path

import pytest

from gfpipe.errors import UsageError
from gfpipe.models import catalog
from gfpipe.training import recipe
from gfpipe.training.recipe import Recipe
from gfpipe.training.tables import Input

STAGE = '[[stages]]\nname = "one"\ndata = "utkface"\nepochs = 3\nrate = 1e-3\n'
TOP = 'title = "Ours"\nnetwork = "resnet18"\n'


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "ours.toml"


def read(path: Path, text: str) -> Recipe:
    path.write_text(text)
    return recipe.load(path)


@pytest.mark.parametrize("name", recipe.built_in())
def test_the_packages_recipes_are_valid(name: str) -> None:
    found = recipe.find(name)
    assert found.name == name
    assert found.title
    assert found.datasets


def test_what_is_left_out_has_a_sensible_value(written: Path) -> None:
    found = read(written, TOP + STAGE)
    assert found.name == "ours"
    assert found.initial == recipe.SCRATCH
    assert found.input is None
    assert found.heads.age == found.heads.ethnicity == 0
    assert found.stages[0].batch == 64
    assert found.datasets == ("utkface",)


def test_everything_can_be_said(written: Path) -> None:
    text = f"""{TOP}
initial = "imagenet-resnet18"
seed = 3
precision = "fp32"
input = {{ size = 64, mean = [1, 2, 3], std = [4, 5.5, 6], flipped_view = true }}
split = {{ validation = 0.1, test = 0 }}
heads = {{ age = 0.3, ethnicity = 0.1 }}
augment = {{ flip = 0.5, reduce = 0.2, reduce_pixels = [10, 40] }}
{STAGE}
balance = ["gender", "ethnicity"]
without = {{ ethnicity = ["asian"] }}
[[stages]]
name = "two"
data = "aaf + 20 % kaggle"
epochs = 5
patience = 2
rate = 1e-4
teacher = "cydral-gender-v1"
teacher_weight = 0.3
"""
    found = read(written, text)
    assert found.input == Input(64, (), (1, 2, 3), (4, 5.5, 6), flipped_view=True)
    assert found.augment.reduce_pixels == (10, 40)
    assert found.stages[0].without == {"ethnicity": ("asian",)}
    assert found.datasets == ("utkface", "aaf", "kaggle")


def test_the_template_is_that_of_fairface() -> None:
    entry = catalog.read()["fairface-resnet34"]
    assert entry.card is not None
    assert Input(size=224).spec.template == entry.card.input.template
    half = Input(size=112).spec.template
    assert half[0] == (34.8, 33.625)


def test_a_chip_may_be_the_square_around_the_box(written: Path) -> None:
    plain = read(written, TOP + "input = { size = 224 }\n" + STAGE)
    square = read(written, TOP + "input = { size = 224, box_scale = 1.1 }\n" + STAGE)
    assert square.input is not None
    assert (square.input.spec.box_scale, square.input.spec.template) == (1.1, ())
    assert square.digest != plain.digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TOP + "colour = 1\n" + STAGE, r"ours\.toml: unknown key 'colour'; known are title, network, stages, initial"),
        (
            TOP + STAGE + "epoch = 3\n",
            r"ours\.toml: \[\[stages\]\] 1: unknown key 'epoch'; did you mean 'epochs'\? known are name, data, epochs",
        ),
        (
            TOP + "heads = { gender = 1 }\n" + STAGE,
            r"\[heads\]: unknown key 'gender'; known are perceived_gender",
        ),
        ('name = "x"\n' + TOP + STAGE, "unknown key 'name'"),
        (TOP + "seed = 1.5\n" + STAGE, "seed should be a valid integer, got 1.5"),
        (TOP + "seed = true\n" + STAGE, "seed should be a valid integer, got True"),
        (TOP + STAGE + 'balance = "gender"\n', "balance should be a list, got 'gender'"),
        (TOP + "input = { mean = [1, 2] }\n" + STAGE, r"\[input\]: mean has too few items, got \[1, 2\]"),
        (TOP + "input = { size = 3 }\n" + STAGE, r"\[input\]: size should be greater than or equal to 16, got 3"),
        (
            TOP + "input = { box_scale = 11 }\n" + STAGE,
            r"\[input\]: box_scale should be less than or equal to 10, got 11",
        ),
        (
            TOP + "input = { box_scale = 1, template = [[1, 1], [2, 1], [1.5, 2], [1, 3], [2, 3]] }\n" + STAGE,
            r"\[input\]: template and box_scale are mutually exclusive",
        ),
        (TOP + "input = 112\n" + STAGE, "input should be a table, got 112"),
        ('title = "Ours"\n' + STAGE, r"ours\.toml: network is missing"),
        (TOP + STAGE.replace("epochs = 3\n", ""), r"\[\[stages\]\] 1: epochs is missing"),
        (TOP, "stages is missing"),
        (TOP + "stages = []\n", "there is no stage"),
        (TOP + STAGE + STAGE, "two stages have the same name"),
        (
            TOP + STAGE.replace("1e-3", "-1"),
            r"\[\[stages\]\] 1: rate should be greater than or equal to 0.000000001, got -1",
        ),
        (TOP + STAGE + 'optimiser = "adam"\n', "optimiser should be 'adamw' or 'sgd', got 'adam'"),
        (
            TOP + STAGE + 'balance = ["height"]\n',
            "balance should be 'gender', 'perceived_gender', .* or 'dataset', got 'height'",
        ),
        (
            TOP + STAGE + 'only = { height = ["tall"] }\n',
            r"\[\[stages\]\] 1: \[only\]: height should be 'gender', .* or 'dataset', got 'height'",
        ),
        (TOP + STAGE + "size = 8\n", r"\[\[stages\]\] 1: size is 8; choose 0 or between 16 and 1024"),
        (TOP + STAGE + 'teacher = "cydral-gender-v1"\n', "teacher and teacher_weight belong together"),
        (TOP + STAGE.replace('"utkface"', '"120 % utkface"'), r"\[\[stages\]\] 1: data: mixture '120 % utkface'"),
        (TOP + "heads = { perceived_gender = 0 }\n" + STAGE, "perceived_gender and age are 0"),
        (TOP + "split = { validation = 0.5, test = 0.5 }\n" + STAGE, "no face is left"),
        (TOP + "split = { validation = 0 }\n" + STAGE + "patience = 1\n", "patience needs validation faces"),
        (TOP.replace("resnet18", "cydral-gender") + "input = { size = 64 }\n" + STAGE, "takes chips of 32 pixels"),
        (TOP + "augment = { reduce_pixels = [40, 10] }\n" + STAGE, "give the smaller first"),
        ("title = ", "cannot be read as TOML"),
    ],
)
def test_what_is_wrong_is_named(written: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(written, text)


def test_the_digest_follows_what_changes_the_result(written: Path) -> None:
    same = read(written, TOP.replace("Ours", "Another title") + STAGE)
    assert read(written, TOP + STAGE).digest == same.digest
    assert read(written, TOP + "seed = 1\n" + STAGE).digest != same.digest
    assert read(written, TOP + STAGE + "batch = 32\n").digest != same.digest


def test_recipes_are_found_by_name_or_file(written: Path) -> None:
    written.write_text(TOP + STAGE)
    assert recipe.find(written).name == "ours"
    assert recipe.find(str(written)).name == "ours"
    with pytest.raises(UsageError, match=r"did you mean .*resnet18-scratch"):
        recipe.find("resnet18-scrach")
    with pytest.raises(UsageError, match=r"nowhere\.toml: no such recipe"):
        recipe.find("nowhere.toml")


def test_a_recipe_takes_what_it_does_not_state_from_its_base(written: Path) -> None:
    base = recipe.find("masked-sensitive")
    text = 'base = "masked-sensitive"\n[heads]\nage = 0.5\n[[stages]]\nname = "pre-training"\nepochs = 7\n'
    derived = read(written, text)
    assert (derived.name, derived.network, derived.reduced) == ("ours", base.network, base.reduced)
    assert (derived.heads.age, derived.heads.ethnicity, derived.heads.age_bands) == (0.5, 1, base.heads.age_bands)
    assert [stage.name for stage in derived.stages] == ["sensitivity", "pre-training", "fine-tuning"]
    assert [stage.epochs for stage in derived.stages] == [30, 7, 60]
    added = read(written, 'base = "mobilenetv2"\n' + STAGE)
    assert [stage.name for stage in added.stages] == [recipe.find("mobilenetv2").stages[0].name, "one"]


def test_a_base_that_leads_back_or_does_not_exist_is_refused(written: Path) -> None:
    for base, message in ((str(written), "leads back to this recipe"), ("mobilenetv", "did you mean mobilenetv2")):
        with pytest.raises(UsageError, match=message):
            read(written, f'base = "{base}"\n')
