"""Heads on real faces: fitted on some, asked about others, the network's own head beside them."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gfpipe.base.progress import Progress
from gfpipe.errors import UsageError
from gfpipe.models import store
from gfpipe.stages.models import evaluate
from gfpipe.studies.heads.run import Heads
from gfpipe.studies.heads.tables import OWN
from gfpipe.training.data import datasets, splits
from gfpipe.training.tables import Split
from tests.conftest import Command

pytestmark = pytest.mark.slow

MODEL = "cydral-gender-v1"
SPLIT = Split(validation=0.1, test=0.3)


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder of the test's own."""
    here = [store.pull(name) for name in (MODEL, "retinaface-mobilenet0.25")]
    for folder in here:
        shutil.copytree(folder, tmp_path / "models" / folder.name)
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def test_heads_are_asked_about_the_test_faces_and_stand_beside_the_networks_own(utkface: Path) -> None:
    heard: list[Progress] = []
    config = Heads(MODEL, f"utkface={utkface}", ("svm-gaussian", "tree-4"), split=SPLIT, device="cpu")
    outcome = replace(config, on_progress=heard.append).measure()
    faces = splits.distinct([datasets.read(config.data)])
    test = splits.parts(faces, SPLIT.validation, SPLIT.test) == "test"
    assert outcome.trial.labels.names.tolist() == [str(faces.images[place]) for place in np.flatnonzero(test)]
    assert outcome.trial.models == (OWN, "svm-gaussian", "tree-4")
    assert outcome.dimensions == 16
    assert outcome.learned <= np.sum(~test)
    assert {"fitting svm-gaussian", "fitting tree-4", "embedding faces"} <= {each.activity for each in heard}
    own = outcome.trial.of(OWN)
    assert np.array_equal(own.answered, outcome.trial.of("tree-4").answered)
    # The network's own answers are those of an evaluation, and a head on what it ends in is of some use.
    measured = evaluate.run(evaluate.Config((MODEL,), (config.data,), device="cpu", part="all"))[0]
    place = [measured.labels.names.tolist().index(name) for name in outcome.trial.labels.names.tolist()]
    np.testing.assert_allclose(own.p_female, measured.answers[0].p_female[place], atol=1e-4)
    right = (outcome.trial.of("svm-gaussian").p_female >= 0.5) == outcome.trial.labels.female
    assert np.mean(right) > 0.7


def test_test_faces_that_the_network_has_learned_from_are_left_out(utkface: Path, own_models: Path) -> None:
    config = Heads(MODEL, f"utkface={utkface}", ("naive-bayes",), split=SPLIT, device="cpu")
    faces = splits.distinct([datasets.read(config.data)])
    test = np.flatnonzero(splits.parts(faces, SPLIT.validation, SPLIT.test) == "test")
    np.save(own_models / MODEL / store.SEEN, np.sort(faces.digests[test[:4]]))
    outcome = config.measure()
    assert outcome.trial.seen == 4
    assert outcome.trial.labels.names.tolist() == [str(faces.images[place]) for place in test[4:]]
    np.save(own_models / MODEL / store.SEEN, np.sort(faces.digests))
    with pytest.raises(UsageError, match="leaves no test face that cydral-gender-v1 has not learned from"):
        config.measure()


def test_the_command_prints_one_table_and_leaves_it_in_a_folder(gfpipe: Command, utkface: Path, tmp_path: Path) -> None:
    arguments = ["study", "heads", "--embedder", MODEL, "--data", f"utkface={utkface}", "--device", "cpu"]
    said = gfpipe(*arguments, "--heads", "linear", "--out", str(tmp_path / "heads"))
    assert said.code == 0, said.stderr
    assert said.stdout == (tmp_path / "heads" / "heads.txt").read_text()
    for name in (OWN, "logistic-regression", "linear-discriminant"):
        assert name in said.stdout
    assert (tmp_path / "heads" / "roc-linear.png").is_file()
    wrong = gfpipe(*arguments, "--heads", "forest")
    assert wrong.code == 2
    assert "there is no head 'forest'" in wrong.stderr


def test_a_folder_of_another_embedder_is_refused_and_other_heads_are_not(tmp_path: Path) -> None:
    config = Heads("pixels:48", "utkface=nowhere", out=tmp_path)
    config.claim()
    replace(config, heads=("svm",)).claim()
    with pytest.raises(UsageError, match="holds a study of another embedder and another data: choose another --out"):
        replace(config, embedder="pixels:32", data="utkface=elsewhere").claim()
