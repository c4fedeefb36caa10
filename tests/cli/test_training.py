"""Commands that train, evaluate, explain and promote models."""

import json
import re
from pathlib import Path

import pytest

from gfpipe.models import champion, store
from tests.conftest import Command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "mobilenet", "--data", "folders=x"], "did you mean mobilenetv2"),
        (["train", "paper"], "Missing option"),
        (["train", "paper", "--data", "folders=nowhere", "--model", "champion"], "no model can be called champion"),
        (["train", "paper", "--data", "folders=x", "--model", champion.FIRST, "--replace"], "is the champion"),
        (["train", "paper", "--data", "nonsense"], "nonsense"),
        (["evaluate", champion.FIRST], "Missing option"),
        (["evaluate", "--data", "folders=nowhere"], "name at least one model"),
        (["evaluate", champion.FIRST, "--data", "folders=nowhere"], "nowhere"),
        (["evaluate", champion.FIRST, "--data", "folders=nowhere", "--part", "half"], "unseen"),
        (["evaluate", champion.FIRST, "--data", "folders=nowhere", "--sizes", "10,small"], "whole numbers of pixels"),
        (["evaluate", champion.FIRST, "--data", "folders=nowhere", "--format", "word"], "latex"),
        (["explain", champion.FIRST], "at least one picture"),
        (["explain", champion.FIRST, "nowhere.jpg"], r"nowhere.jpg: no such picture"),
        (["promote", "contrary"], "Missing option"),
        (["promote", "contrary", "--data", "folders=nowhere", "--force", " "], "needs a reason"),
        (["promote", "contrary", "--data", "folders=nowhere", "--gap-margin", "-1"], "gap-margin"),
        (["promote", "nobody", "--data", "folders=nowhere"], "no model 'nobody'"),
        (["retrain", "paper", "--data", "folders=nowhere"], "Missing option"),
        (["retrain", "paper", "--data", "folders=nowhere", "--gate-data", "folders=nowhere"], "nowhere"),
    ],
)
def test_wrong_use_gives_one_line_and_exit_code_2(
    gfpipe: Command, own_models: Path, arguments: list[str], message: str
) -> None:
    result = gfpipe(*arguments)
    assert result.code == 2, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_pictures_follow_the_models(gfpipe: Command, own_models: Path, faces: Path) -> None:
    picture = str(faces / "male" / "00.png")
    for arguments in ([picture], [picture, champion.FIRST], [champion.FIRST, picture, "twin"]):
        result = gfpipe("explain", *arguments)
        assert result.code == 2
        assert "name at least one model, and after the models at least one picture" in result.stderr


@pytest.mark.slow
def test_models_are_compared_and_results_are_written(
    gfpipe: Command, own_models: Path, faces: Path, tmp_path: Path
) -> None:
    data, out = f"people:folders={faces}", tmp_path / "figures"
    result = gfpipe("evaluate", "champion", "contrary", "--data", data, "--by", "gender", "--out", str(out))
    assert result.code == 0, result.stderr
    assert champion.FIRST in result.stdout
    assert "contrary" in result.stdout
    assert "not detected and count as errors" in result.stdout
    written = {path.name for path in out.iterdir()}
    assert {"answers.parquet", "accuracy.csv", "accuracy.tex", "tables.md", "roc.png", "confusion.svg"} <= written
    latex = gfpipe("evaluate", "contrary", "--data", data, "--format", "latex").stdout
    assert latex.count("\\begin{tabular}") == latex.count("\\end{tabular}") > 1


@pytest.mark.slow
def test_an_equal_model_is_promoted_and_becomes_the_default(gfpipe: Command, own_models: Path, faces: Path) -> None:
    data = ["--data", f"people:folders={faces}"]
    tried = gfpipe("promote", "twin", *data, "--dry-run")
    assert tried.code == 0, tried.stderr
    assert champion.champion() == champion.FIRST

    promoted = gfpipe("promote", "twin", *data)
    assert promoted.code == 0, promoted.stderr
    assert "worst group" in promoted.stdout
    assert "twin is promoted: no worse than cydral-gender-v1" in promoted.stderr
    assert "gfpipe reclassify --lake LAKE --classifier twin" in promoted.stderr
    assert champion.resolve("champion") == "twin"

    listed = gfpipe("models", "list")
    assert [line for line in listed.stdout.splitlines() if "twin" in line and "champion" in line]
    assert "by decision of gate" in listed.stderr
    shown = json.loads(gfpipe("models", "show", "champion").stdout)
    assert (shown["id"], shown["decisions"][0]["passed"]) == ("twin", True)

    again = gfpipe("promote", "twin", *data)
    assert again.code == 0
    assert "twin is the champion already" in again.stderr


@pytest.mark.slow
def test_a_worse_model_gives_exit_code_1_and_is_promoted_only_by_force(
    gfpipe: Command, own_models: Path, faces: Path, tmp_path: Path
) -> None:
    data = ["--data", f"people:folders={faces}"]
    refused = gfpipe("promote", "contrary", *data, "--out", str(tmp_path / "gate"))
    assert refused.code == 1
    assert "contrary is not promoted: worse (people: accuracy" in refused.stderr
    assert "reclassify" not in refused.stderr
    assert (tmp_path / "gate" / "tables.md").is_file()
    assert champion.champion() == champion.FIRST

    forced = gfpipe("promote", "contrary", *data, "--force", "a joke")
    assert forced.code == 0
    assert "promoted by force (a joke)" in forced.stderr
    assert champion.champion() == "contrary"
    assert [decision.forced for decision in store.card("contrary").decisions] == [None, "a joke"]


@pytest.mark.slow
def test_a_model_is_planned_trained_and_explained(
    gfpipe: Command, own_models: Path, faces: Path, recipe: Path, tmp_path: Path
) -> None:
    arguments = ["train", str(recipe), "--data", f"people:folders={faces}", "--model", "ours", "--device", "cpu"]
    arguments += ["--out", str(tmp_path / "run")]
    planned = gfpipe(*arguments, "--dry-run")
    assert planned.code == 0, planned.stderr
    assert re.search(r"train +72 +36 +36", planned.stdout)
    assert not (tmp_path / "run").exists()

    trained = gfpipe(*arguments)
    assert trained.code == 0, trained.stderr
    assert "validation accuracy" in trained.stdout
    assert "Next: gfpipe evaluate ours champion" in trained.stderr
    assert (tmp_path / "run" / "learning-curves.png").is_file()
    assert store.open_model("ours").card.network == "cydral-gender"
    assert gfpipe(*arguments).code == 0  # a finished run prints its results again

    panel = tmp_path / "panel.png"
    explained = gfpipe("explain", "ours", "champion", str(faces / "male" / "00.png"), "--out", str(panel))
    assert explained.code == 0, explained.stderr
    assert "inside" in explained.stdout
    assert panel.is_file()
