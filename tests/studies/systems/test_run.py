"""The study of systems on real faces: all rows on the same faces, what fails says why, what is finished is kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gfpipe.base.progress import Progress
from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Trial
from gfpipe.models import store
from gfpipe.stages.models import evaluate
from gfpipe.studies import runner
from gfpipe.studies.systems.declared import course, declared
from gfpipe.studies.systems.run import Systems
from gfpipe.training import recipe as recipes
from gfpipe.training.data import datasets, splits
from tests.conftest import Command

pytestmark = pytest.mark.slow

OURS = "cydral-gender-v1"


@pytest.fixture
def config(utkface: Path, tmp_path: Path) -> Systems:
    """One head, one training, one stored model, another tool; and a head on a model that does not exist."""
    faces = splits.distinct([datasets.read(f"utkface={utkface}")])
    said = [f"{image},{'f' if place % 3 else 'm'}" for place, image in enumerate(faces.images)]
    table = tmp_path / "ina.csv"
    table.write_text("\n".join(["frame,sex_label", *said]), encoding="utf-8")
    names = (OURS, "pixels-logistic", "portrait-1", "naive-bayes", "5")
    return Systems(
        f"utkface={utkface}",
        names,
        embedder="nothing-of-that-name",
        predictions=(f"ina={table}",),
        out=tmp_path / "study",
        device="cpu",
    )


class Heard:
    """What a study told; stopped in the middle of a training where that is asked for."""

    def __init__(self, stop_in_epoch: int = 0) -> None:
        self.epochs: list[int] = []
        self.said: list[str] = []
        self._stop = stop_in_epoch

    def hear(self, now: Progress) -> None:
        if now.epoch and now.epoch not in self.epochs:
            self.epochs.append(now.epoch)
        if self._stop and now.epoch == self._stop:
            raise KeyboardInterrupt


def test_a_study_goes_on_where_it_was_stopped_and_a_failing_system_stops_no_other(config: Systems) -> None:
    first = Heard(stop_in_epoch=3)
    with pytest.raises(KeyboardInterrupt):
        runner.run(replace(config, on_progress=first.hear, say=first.said.append))
    second = Heard()
    written = runner.run(replace(config, on_progress=second.hear, say=second.said.append))
    # The head was kept, and so were the epochs before the stop.
    assert not [line for line in second.said if line.startswith("pixels-logistic")]
    assert min(second.epochs) >= 2
    rows = {row.system.name: row for row in written.outcome.rows}
    assert list(rows) == [OURS, "pixels-logistic", "portrait-1", "naive-bayes", "inaFaceAnalyzer"]
    assert "no model 'nothing-of-that-name'" in rows["naive-bayes"].reason
    runs = [row.run for name, row in rows.items() if row.run is not None and name != "inaFaceAnalyzer"]
    stored, head, portrait = runs
    assert (portrait.setting, stored.setting, head.setting) == ("full", "stored", "full")
    assert (portrait.parameters, head.parameters) == (728_194, 48 * 48 + 1)
    assert portrait.train_seconds
    assert stored.train_seconds is None
    assert all(run.images_per_second and run.threads for run in (portrait, stored, head))
    # On the same faces as an evaluation, with the same answers.
    [trial] = evaluate.run(evaluate.Config((OURS,), (config.data,), device="cpu", part="test"))
    assert written.outcome.trial.labels.names.tolist() == trial.labels.names.tolist()
    assert np.array_equal(stored.p_female, trial.answers[0].p_female, equal_nan=True)
    # Models are the study's own; chips are gone.
    way = course("portrait-1", "utkface", full=False)
    assert (config.folder / "models" / way.id / store.CARD).is_file()
    assert not (store.models_folder() / way.id).exists()
    assert not (config.folder / "chips").exists()
    assert Trial.read(config.folder / "answers.parquet").models == tuple(name for name in rows if rows[name].run)

    third = Heard()
    again = runner.run(replace(config, on_progress=third.hear, say=third.said.append))
    assert not third.epochs
    assert [line for line in third.said if "is not run" not in line] == []
    assert written.text == again.text == (config.folder / "systems.txt").read_text().rstrip()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(gfpipe: Command, config: Systems, tmp_path: Path) -> None:
    command = ["study", "systems", "--data", config.data, "--out", str(config.out), "--dry-run", "--device", "cpu"]
    said = gfpipe(*command, "--systems", "portrait-2,4,5,naive-bayes", "--embedder", "nothing-of-that-name")
    assert said.code == 0, said.stderr
    lines = {line.split()[1]: line for line in said.stdout.splitlines()}
    assert lines["portrait-2"].endswith("trained by portrait-2: full, 10 epochs of all faces")
    assert "reduced" in lines["three-heads"]
    assert "not run: give its answers" in lines["inaFaceAnalyzer"]
    assert "not run: " in lines["naive-bayes"]
    assert not config.folder.exists()
    wrong = gfpipe(*command, "--systems", "portrait-9")
    assert wrong.code == 2
    assert "did you mean portrait-" in wrong.stderr


def test_a_folder_of_another_study_is_refused(config: Systems) -> None:
    config.claim()
    with pytest.raises(UsageError, match="holds a study of another data"):
        replace(config, data="utkface=elsewhere").claim()


def test_every_declared_recipe_exists_and_follows_the_same_split() -> None:
    for system in declared().systems:
        for name in system.recipes:
            for full in (True, False):
                assert course(name, "utkface", full=full).recipe.datasets == ("utkface",)


def test_a_recipe_that_parts_faces_in_its_own_way_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "odd.toml"
    text = (recipes.BUILT_IN / "published" / "portrait-2.toml").read_text()
    recipe.write_text(text.replace("[[stages]]", "[split]\ntest = 0.3\n\n[[stages]]"))
    with pytest.raises(UsageError, match="has a split of its own: its test faces would not be the others'"):
        course(str(recipe), "utkface", full=True)
