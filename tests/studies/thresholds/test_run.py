"""The study of thresholds on real faces: what is hidden stays hidden, and what is finished is not trained again."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from gfpipe.base.progress import Progress
from gfpipe.errors import UsageError
from gfpipe.models import store
from gfpipe.models.lineage import Lineage, TrainedStage
from gfpipe.studies import runner
from gfpipe.studies.runner import Written
from gfpipe.studies.thresholds import preparation as study
from gfpipe.studies.thresholds import tables as threshold_tables
from gfpipe.studies.thresholds.hiding import Group
from gfpipe.studies.thresholds.measures import Kind, Outcome
from gfpipe.studies.thresholds.run import Thresholds
from gfpipe.training.data import datasets, splits
from gfpipe.training.recipe import Recipe, Stage
from gfpipe.training.tables import Split
from tests.conftest import Command
from tests.curation import lakes

pytestmark = pytest.mark.slow

DETECTOR, BASE = "retinaface-mobilenet0.25", "cydral-gender-v1"
STAGE = Stage(
    "short", "labelled + curated", 1, 1e-4, batch=16, balance=("dataset", "gender"), epoch_faces=32, optimiser="sgd"
)
RECIPE = Recipe("tiny", "tiny", "cydral-gender", (STAGE,), initial=BASE, precision="fp32", split=Split(0.1, 0.3))


@pytest.fixture(scope="module")
def pictures(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred faces of UTKFace, half of them Asian."""
    folder = tmp_path_factory.mktemp("faces")
    names = sorted(path.name for path in (shared / "utkface" / "images").iterdir())
    asian = [name for name in names if name.split("_")[2] == "2"]
    others = [name for name in names if name.split("_")[2] in "01"]
    for name in (*asian[:: len(asian) // 60], *others[:: len(others) // 60]):
        shutil.copy(shared / "utkface" / "images" / name, folder)
    return folder


@pytest.fixture
def config(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Thresholds:
    here = [store.pull(name) for name in (DETECTOR, BASE)]
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path / "models"))
    for folder in here:
        shutil.copytree(folder, tmp_path / "models" / folder.name)
    data, group = (f"utkface={pictures}",), Group("ethnicity", "asian")
    return Thresholds(BASE, RECIPE, data, group, thresholds=(0.0,), oracle=True, out=tmp_path / "study", device="cpu")


class Heard:
    """What a study told."""

    def __init__(self) -> None:
        self.progress: list[Progress] = []
        self.said: list[str] = []

    def run(self, config: Thresholds) -> Written[Outcome]:
        return runner.run(replace(config, on_progress=self.progress.append, say=self.said.append))


def test_nobody_is_learned_from_and_measured_on_and_no_hidden_label_is_learned(config: Thresholds) -> None:
    prepared = study.prepare(config)
    for setting in config.settings:
        study.curate(config, prepared, setting)
    tables = {name: datasets.read(f"x:parquet={config.table(name)}") for name in ("labelled", *study_tables())}
    archive = datasets.read(f"curated={config.folder / 'sets' / 't0'}")
    digests = {name: set(splits.distinct([each]).digests) for name, each in {**tables, "archive": archive}.items()}
    names = list(digests)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            assert not digests[one] & digests[other], (one, other)
    assert "asian" not in {image.ethnicity for image in (*tables["labelled"].images, *tables["elsewhere"].images)}
    assert {image.ethnicity for image in tables["reporting"].images} == {"asian"}

    rows = pq.read_table(config.folder / "sets" / "t0" / "faces.parquet").to_pylist()
    assert all((row["perceived_gender"] == "female") == (row["p_female"] >= 0.5) for row in rows)
    assert {row["p_female"] for row in pq.read_table(config.folder / "sets/oracle/faces.parquet").to_pylist()} == {
        0.0,
        1.0,
    }


def study_tables() -> tuple[str, ...]:
    from gfpipe.studies.thresholds.config import MEASURED

    return MEASURED


def test_a_study_ends_with_tables_a_picture_and_models_of_its_own(config: Thresholds) -> None:
    heard = Heard()
    written = heard.run(config)
    outcome = written.outcome
    assert [row.kind for row in outcome.rows] == [Kind.SOURCE, Kind.CONTROL, Kind.THRESHOLD, Kind.ORACLE]
    assert outcome.chosen is not None
    assert outcome.chosen.kind is Kind.THRESHOLD
    row = outcome.rows[2]
    assert row.female == row.male
    assert row.wrong is not None
    assert 0 <= row.wrong < 0.5
    assert "≥ 0 *" in threshold_tables.main(outcome).text()
    assert config.folder / "thresholds.png" in written.files
    assert {path.suffix for path in config.folder.glob("thresholds.*")} == {".csv", ".tex", ".png", ".svg"}
    assert not (config.folder / "chips").exists()

    assert not (store.models_folder() / "t0-seed-0").exists()
    card = store.card(config.folder / "models" / "t0-seed-0")
    assert f"{(row.female or 0) + (row.male or 0)} of them labelled by a model" in str(card.lineage)
    assert f"labelled by {BASE}" in str(card.lineage)
    assert isinstance(card.lineage, Lineage)
    assert card.lineage.initial == (BASE,)
    assert [(stage.name, stage.pseudo) for stage in card.lineage.stages] == [
        (STAGE.name, (row.female or 0) + (row.male or 0))
    ]
    assert "non-commercial" in card.licence
    curated = splits.distinct([datasets.read(f"curated={config.folder / 'sets' / 't0'}")])
    assert np.isin(curated.digests, store.seen(config.folder / "models" / "t0-seed-0")).all()

    again = Heard()
    assert again.run(config).outcome.reporting.figure(row, "accuracy") == outcome.reporting.figure(row, "accuracy")
    assert not again.said
    assert {each.activity for each in again.progress} <= {"reading pictures"}

    more = Heard()
    more.run(replace(config, thresholds=(0.0, 0.5), seeds=1))
    assert len(more.said) == 1
    assert more.said[0].startswith("[1/1] ≥ 0.5, seed 0: ")


def test_a_study_that_was_stopped_goes_on(config: Thresholds) -> None:
    def stop(said: str) -> None:
        if said.startswith("[2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(replace(config, say=stop))
    heard = Heard()
    heard.run(config)
    assert [line.partition(":")[0] for line in heard.said] == ["[1/2] ≥ 0, seed 0", "[2/2] true labels, seed 0"]
    doing = [each.activity for each in heard.progress]
    assert "labelling the archive" not in doing
    assert "cutting chips" not in doing, "all trainings share what was cut once"


def test_all_rows_learn_for_the_same_number_of_steps(config: Thresholds) -> None:
    control, threshold, _ = config.settings
    one, other = config.recipe_of(control, 0), config.recipe_of(threshold, 0)
    assert one.stages[0].data == "labelled"
    assert replace(one.stages[0], data=other.stages[0].data) == other.stages[0]
    assert len(config.data_of(control)) == 1


def test_a_source_that_may_know_the_group_is_refused(config: Thresholds) -> None:
    faces = splits.distinct([datasets.read(config.data[0])])
    stored = store.open_model(BASE)
    store.save_model(replace(stored.card, id="knows"), stored.weights, seen=faces.digests)
    with pytest.raises(UsageError, match="knows was trained on faces of these data sets, and its card does not say"):
        study.prepare(replace(config, model="knows"))
    stages = (TrainedStage("one", "utkface", 3, 4, 5, without={"ethnicity": ("asian",)}),)
    lineage = Lineage("r", "d0071b51f729", 0, "cydral-gender", (), stages, {"utkface": ""}, 0, 0)
    store.save_model(replace(stored.card, id="fair", lineage=lineage), stored.weights, seen=faces.digests)
    with pytest.raises(UsageError, match="0 faces are left for elsewhere"):
        study.prepare(replace(config, model="fair"))
    text = replace(stored.card, id="text", lineage=str(lineage))
    tuned = replace(stored.card, id="tuned", lineage=replace(lineage, initial=("fair", "knows")))
    unknown = replace(stored.card, id="unknown", lineage=replace(lineage, initial=("gone",)))
    for card in (text, tuned, unknown):
        store.save_model(card, stored.weights, seen=faces.digests)
        with pytest.raises(UsageError, match=f"{card.id} was trained on faces of these data sets, and its card does"):
            study.prepare(replace(config, model=card.id))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"group": None}, "name the archive"),
        ({"lake": Path("lake")}, "name the archive"),
        ({"group": None, "lake": Path("lake"), "oracle": False}, "--lake and --test belong together"),
        ({"thresholds": (1.0,)}, "a threshold is a confidence from 0 to below 1"),
        ({"held_out": 1.0}, "held out is 1"),
        ({"recipe": replace(RECIPE, stages=(replace(STAGE, epoch_faces=0),))}, "sets no epoch_faces"),
        ({"recipe": replace(RECIPE, stages=(replace(STAGE, data="labelled"),))}, "needs labelled \\+ curated"),
    ],
)
def test_what_cannot_be_compared_fairly_is_refused(config: Thresholds, change: dict[str, object], reason: str) -> None:
    make: Callable[..., Thresholds] = replace
    with pytest.raises(UsageError, match=reason):
        make(config, **change)


def test_a_folder_of_another_study_is_refused(config: Thresholds) -> None:
    config.claim()
    replace(config, thresholds=(0.5,), seeds=2).claim()
    with pytest.raises(UsageError, match="holds a study of another held out: choose another --out"):
        replace(config, held_out=0.4).claim()


def test_a_lake_is_asked_for_what_the_source_said(config: Thresholds, tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    wanted = replace(config, group=None, lake=tmp_path / "lake", test=(f"test:{config.data[0]}",), oracle=False)
    with pytest.raises(UsageError, match="has no crops"):
        study.prepare(wanted)


def test_a_lake_s_crops_are_learned_from_under_the_source_s_answers_alone(config: Thresholds, tmp_path: Path) -> None:
    for name in ("asian", "others"):
        (tmp_path / name).mkdir()
    for path in Path(config.data[0].partition("=")[2]).iterdir():
        shutil.copy(path, tmp_path / ("asian" if path.name.split("_")[2] == "2" else "others"))
    for number in range(2):
        lakes.programme(tmp_path / "archive", f"tv/2001-03-0{number + 1}/2000_news.mp4", number)
    lakes.analyse_all(tmp_path / "archive", tmp_path / "lake")
    data, test = (f"utkface={tmp_path / 'others'}",), (f"test:utkface={tmp_path / 'asian'}",)
    wanted = replace(config, group=None, lake=tmp_path / "lake", data=data, test=test, oracle=False)
    prepared = study.prepare(wanted)
    made = study.curate(wanted, prepared, wanted.settings[1])
    assert made.female == made.male > 0
    assert made.wrong is None, "nobody knows"
    found = datasets.read(f"curated={wanted.set_of(wanted.settings[1])}")
    assert found.broadcast
    assert not found.skipped
    assert len(found.images) == made.female + made.male
    assert "crops of" in found.about

    stored = store.open_model(BASE)
    store.save_model(replace(stored.card, id="other"), {name: each + 0.1 for name, each in stored.weights.items()})
    with pytest.raises(UsageError, match="was classified by cydral-gender-v1, not by other: name that model, or"):
        study.prepare(replace(wanted, model="other", out=tmp_path / "again"))


def test_the_command_says_what_it_would_train(config: Thresholds, gfpipe: Command, tmp_path: Path) -> None:
    recipe = tmp_path / "short.toml"
    recipe.write_text(
        'title = "short"\nnetwork = "x"\n[split]\nvalidation = 0.1\ntest = 0.3\n[[stages]]\nname = "one"\n'
        'data = "labelled + curated"\nepochs = 1\nepoch_faces = 32\nrate = 1e-4\n'
    )
    command = ["study", "thresholds", "--model", BASE, "--data", config.data[0], "--recipe", str(recipe)]
    command += ["--unlabelled", "ethnicity=asian", "--out", str(config.out), "--device", "cpu"]
    said = gfpipe(*command, "--thresholds", "0,0.5", "--per-class", "0.2:0.4", "--soft", "0", "--dry-run")
    assert said.code == 0, said.stderr
    assert "women ≥ 0.2, men ≥ 0.4" in said.stdout
    assert "5 of 5 trainings are not finished, each shown 32 faces" in said.stdout
    assert not (config.folder / "runs").exists()
    for wrong, why in ((["--per-class", "0.5"], "write WOMEN:MEN"), (["--thresholds", "high"], "write numbers from 0")):
        said = gfpipe(*command, *wrong)
        assert (said.code, why in said.stderr) == (2, True)
