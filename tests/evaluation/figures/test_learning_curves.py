"""How a training went, as a picture."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from gfpipe.errors import UsageError
from gfpipe.evaluation.epochs import Epoch
from gfpipe.evaluation.figures.learning_curves import learning_curves, write
from gfpipe.training.run.history import read_history, write_history
from tests.evaluation.pictures import Drawn


def epochs(*stages: tuple[str, int]) -> list[Epoch]:
    """Each a little better than the one before; epochs are counted anew in each stage."""
    numbered = [(stage, number) for stage, count in stages for number in range(1, count + 1)]
    return [
        Epoch(stage, number, 0.7 / at, 0.8 / at, 1 - 0.2 / at, 1 - 0.3 / at, 1 - 0.1 / at, 10.0, 90.0, 0.1, 1e-3)
        for at, (stage, number) in enumerate(numbered, start=1)
    ]


def test_loss_and_accuracy_by_perceived_gender_run_over_all_stages(tmp_path: Path) -> None:
    write_history(tmp_path / "history.csv", epochs(("fairface", 5), ("mixed", 4)))
    vector, pixels = write(read_history(tmp_path / "history.csv"), tmp_path)
    drawn = Drawn.read(vector)
    assert {"fairface", "mixed", "women among them", "men among them", "training faces"} <= set(drawn.words)
    assert {"loss", "accuracy", "epoch"} <= set(drawn.words)
    assert [words for words in drawn.words if words in {"1", "5", "9"}] == ["1", "5", "9"] * 2
    assert any("perceived gender" in words for words in drawn.words)
    assert len(drawn.marks("line", stroke_dasharray="3,3")) == 2, "where the second stage begins, in both panels"
    assert drawn.width < 400
    assert pixels.read_bytes().startswith(b"\x89PNG")


def test_rows_are_the_history_s() -> None:
    history = epochs(("only", 3))
    plan = learning_curves(history)
    women = [row["value"] for row in plan.data["accuracy"] if row["model"] == "women among them"]
    assert women == [epoch.validation_accuracy_women for epoch in history]
    trained = [row["value"] for row in plan.data["loss"] if row["model"] == "training faces"]
    assert trained == [epoch.train_loss for epoch in history]
    assert [row["epoch"] for row in plan.data["loss"] if row["model"] == "training faces"] == [1, 2, 3]


def test_one_stage_has_no_border_and_a_hundred_epochs_few_numbers() -> None:
    drawn = Drawn.of(learning_curves(epochs(("main", 100))))
    assert not drawn.marks("line", stroke_dasharray="3,3")
    assert [words for words in drawn.words if words in {"1", "10", "100", "11"}] == ["1", "10", "100"] * 2


def test_a_training_without_validation_shows_its_loss() -> None:
    nothing = dict.fromkeys(
        ("validation_loss", "validation_accuracy", "validation_accuracy_women", "validation_accuracy_men"), math.nan
    )
    plan = learning_curves([replace(epoch, **nothing) for epoch in epochs(("main", 3))])  # type: ignore[arg-type]
    assert all(row["value"] is None for row in plan.data["accuracy"])
    words = Drawn.of(plan).words
    assert {"loss", "main", "training faces"} <= set(words)
    assert not {"accuracy", "women among them"} & set(words), "no empty panel, as for a model that tells ages alone"


def test_before_the_first_epoch_there_are_no_curves() -> None:
    with pytest.raises(UsageError, match="no epoch"):
        learning_curves([])


def test_a_stage_s_name_is_cut_where_its_epochs_leave_no_room() -> None:
    words = Drawn.of(learning_curves(epochs(("a very long name", 1), ("all layers", 11)))).words
    assert "all layers" in words
    assert any(each.endswith("…") for each in words)
