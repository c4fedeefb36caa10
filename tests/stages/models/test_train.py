"""From labelled pictures to a stored model, with real faces; and every wrong order refused before the hours of work."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from gfpipe.attributes import classifier
from gfpipe.attributes.spec import Attribute
from gfpipe.base.progress import Progress
from gfpipe.errors import ModelError, UsageError
from gfpipe.lake import uses
from gfpipe.lake.retention import Place, PurgeScope
from gfpipe.lake.storage import Storage
from gfpipe.models import store
from gfpipe.models.lineage import Lineage
from gfpipe.stages.analysis import demo, purge
from gfpipe.stages.models import train
from gfpipe.training import recipe
from gfpipe.training.data import datasets, splits
from gfpipe.training.recipe import Recipe, Stage
from gfpipe.training.tables import Heads, Input, Split
from tests.lake import kept

pytestmark = pytest.mark.slow

DETECTOR, BASE = "retinaface-mobilenet0.25", "cydral-gender-v1"
STAGE = Stage("one", "utkface", epochs=2, rate=1e-3, batch=8)
RECIPE = Recipe(
    "tiny",
    "A few faces of two people",
    "cydral-gender",
    (STAGE,),
    initial=BASE,
    precision="fp32",
    split=Split(validation=0.2, test=0.2),
    heads=Heads(1.0, 0.3, 0.1),
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of a woman and a man, called as UTKFace's are, and three that are no good."""
    folder = tmp_path_factory.mktemp("pictures")
    footage = demo.footage()
    for code, kind, step in ((1, "woman", 5), (0, "man", 10)):
        for number, frame in enumerate(footage.frames(((kind, 5),))):
            if number % step == 0:
                name = f"{20 + number % 4 * 10}_{code}_{number % 2}_{number:08d}.jpg"
                Image.fromarray(frame).resize((320, 180)).save(folder / name, quality=95)
    Image.fromarray(np.full((90, 90, 3), 200, np.uint8)).save(folder / "30_0_0_00009000.png")  # a wall
    (folder / "30_0_0_00009001.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "notes.jpg").write_text("a name that says nothing")
    return folder


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder of the test's own, with what training starts from."""
    here = [store.pull(name) for name in (DETECTOR, BASE)]
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path / "models"))
    for folder in here:
        shutil.copytree(folder, tmp_path / "models" / folder.name)
    return tmp_path / "models"


@pytest.fixture
def config(pictures: Path, models: Path, tmp_path: Path) -> train.Config:
    return train.Config(RECIPE, (f"utkface={pictures}",), tmp_path / "run", "ours", device="cpu")


def test_pictures_become_a_stored_model(config: train.Config) -> None:
    told: list[Progress] = []
    trained = train.run(config, told.append)
    assert [epoch.epoch for epoch in trained.history] == [1, 2]
    assert {each.activity for each in told} == {"reading pictures", "cutting chips", "training"}
    reasons = {Path(skipped.name).name: skipped.reason for skipped in trained.skipped}
    assert set(reasons) >= {"30_0_0_00009001.jpg", "notes.jpg"}
    assert "not a readable image" in reasons["30_0_0_00009001.jpg"]
    assert reasons.get("30_0_0_00009000.png", "no face was found in it") == "no face was found in it"

    stored = store.open_model("ours")
    answer = classifier.load(stored.card.classifier, stored.weights, torch.device("cpu"))(
        torch.rand(2, 3, 32, 32) * 255
    )
    assert answer.age_years is not None
    assert np.isfinite(answer.p_female).all()
    assert stored.card.input == store.card(BASE).input, "chips as those of the model it began with"
    assert "non-commercial" in stored.card.licence
    assert "seed 0: cydral-gender, from cydral-gender-v1. Stage one: utkface" in str(stored.card.lineage)
    assert isinstance(stored.card.lineage, Lineage)
    assert stored.card.lineage.digest == RECIPE.digest
    assert stored.card.lineage.initial == (BASE,)
    assert [(stage.name, stage.epochs) for stage in stored.card.lineage.stages] == [("one", 2)]
    assert {metric.group for metric in stored.card.metrics} == {"overall", "female", "male"}
    assert "identification or surveillance" in stored.card.excluded_uses
    assert sorted(path.name for path in config.out.iterdir()) == ["finished.json", "history.csv", "run.json"]


def test_a_model_may_be_trained_on_the_square_around_the_detectors_box(config: train.Config) -> None:
    seen = Input(size=32, box_scale=1.1)
    once = replace(config, recipe=replace(RECIPE, input=seen, stages=(replace(STAGE, epochs=1),)))
    train.run(once)
    stored = store.card("ours")
    assert (stored.input, stored.input.box_scale, stored.input.template) == (seen.spec, 1.1, ())


def test_a_stored_model_cannot_tell_ethnicity(config: train.Config) -> None:
    trained = train.run(config)
    stored = store.open_model(trained.folder)
    assert {head.attribute for head in stored.card.heads} == {Attribute.PERCEIVED_GENDER, Attribute.AGE}
    assert stored.weights["head.weight"].shape == (2 + 81, 16)
    assert stored.weights["head.bias"].shape == (2 + 81,)


def test_what_it_learned_from_is_kept_and_the_test_is_not_among_it(config: train.Config) -> None:
    train.run(config)
    faces = splits.distinct([datasets.read(config.data[0])])
    part = splits.parts(faces, 0.2, 0.2)
    assert np.array_equal(store.seen("ours"), np.sort(faces.digests[part != "test"]))
    assert not len(store.seen(BASE))


def test_a_finished_run_is_only_reported(config: train.Config) -> None:
    first = train.run(config)
    told: list[Progress] = []
    again = train.run(config, told.append)
    assert not told
    assert (again.counts, again.skipped) == (first.counts, first.skipped)
    assert [epoch.epoch for epoch in again.history] == [1, 2]
    with pytest.raises(UsageError, match=r"run of another recipe: choose another --out, or .*--restart"):
        train.run(replace(config, recipe=replace(RECIPE, seed=1)))
    shutil.rmtree(first.folder)
    with pytest.raises(UsageError, match="finished, but its model ours is no longer"):
        train.run(config)


def test_an_interrupted_run_goes_on_with_its_chips_and_ends_the_same(config: train.Config, tmp_path: Path) -> None:
    def interrupt(now: Progress) -> None:
        if (now.activity, now.epoch) == ("training", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.run(config, interrupt)
    told: list[Progress] = []
    resumed = train.run(config, told.append)
    assert {each.activity for each in told} == {"reading pictures", "training"}
    assert {each.epoch for each in told if each.activity == "training"} == {2}
    other = train.run(replace(config, out=tmp_path / "other", model_id="undisturbed"))
    assert store.card(resumed.folder).sha256 == store.card(other.folder).sha256


def test_a_run_killed_between_model_and_mark_ends_well(config: train.Config) -> None:
    first = train.run(replace(config, keep_chips=True))
    (config.out / "finished.json").unlink()
    assert store.card(train.run(config).folder).sha256 == store.card(first.folder).sha256


def test_a_teacher_and_a_second_stage_are_heard(config: train.Config) -> None:
    taught = replace(STAGE, name="two", epochs=1, teacher=BASE, teacher_weight=0.5, balance=("gender",), average=0.9)
    trained = train.run(replace(config, recipe=replace(RECIPE, stages=(STAGE, taught), heads=Heads())))
    assert [epoch.stage for epoch in trained.history] == ["one", "one", "two"]


def test_a_plan_counts_and_changes_nothing(config: train.Config, pictures: Path) -> None:
    planned = train.plan(config)
    counted = {count.what: count for count in planned.counts}
    assert set(counted) == {"train", "validation", "test", "stage one"}
    assert counted["stage one"] == replace(counted["train"], what="stage one")
    used = sum(counted[part].faces for part in splits.PARTS)
    assert used + len(planned.skipped) == len(list(pictures.iterdir()))
    assert "notes.jpg" in str(planned)
    assert not config.out.exists()


def test_a_model_that_is_there_is_not_replaced_unasked(config: train.Config) -> None:
    for name in (BASE, "imagenet-resnet18"):  # in the folder; promised by the catalogue
        with pytest.raises(UsageError, match=f"there is a model {name} already"):
            train.run(replace(config, model_id=name))
    with pytest.raises(UsageError, match="cannot be a model's id"):
        train.run(replace(config, model_id="../ours"))
    assert not config.out.exists()


def test_data_that_is_missing_idle_or_empty_is_named(config: train.Config, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"needs utkface: give --data utkface=FOLDER"):
        train.run(replace(config, data=()))
    with pytest.raises(UsageError, match="does not use more: leave it out"):
        train.run(replace(config, data=(*config.data, f"more:{config.data[0]}")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no labelled image found"):
        train.run(replace(config, data=(f"utkface={tmp_path / 'empty'}",)))
    assert not config.out.exists()


def test_one_perceived_gender_alone_cannot_be_learned(config: train.Config, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "women").mkdir()
    for path in pictures.glob("*_1_*_*.jpg"):
        shutil.copy(path, tmp_path / "women")
    with pytest.raises(UsageError, match=r"stage 'one': utkface: all \d+ faces are female; .*needs both"):
        train.run(replace(config, data=(f"utkface={tmp_path / 'women'}",)))


def test_weights_of_another_architecture_are_refused_before_any_face_is_cut(
    config: train.Config, tmp_path: Path
) -> None:
    torch.save({"fc.weight": torch.zeros(2, 512)}, tmp_path / "other.pth")
    for initial in (BASE, str(tmp_path / "other.pth")):
        with pytest.raises(ModelError, match="is a checkpoint of another architecture than resnet18"):
            train.run(replace(config, recipe=replace(RECIPE, network="resnet18", initial=initial)))
    with pytest.raises(ModelError, match=r"gone\.pt: the initial weights cannot be read"):
        train.run(replace(config, recipe=replace(RECIPE, initial="gone.pt")))
    assert not config.out.exists()


def test_ethnicity_is_never_learned_from_broadcasts(config: train.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    read = datasets.read
    monkeypatch.setattr(datasets, "read", lambda name: replace(read(name), broadcast=True))
    with pytest.raises(
        UsageError, match="utkface holds faces from broadcasts: ethnicity is only learned from benchmark"
    ):
        train.plan(config)
    assert train.plan(replace(config, recipe=replace(RECIPE, heads=Heads(1.0, 0.3)))).counts


def test_ethnicity_that_nobody_knows_cannot_be_learned(config: train.Config, tmp_path: Path) -> None:
    one = replace(STAGE, only={"ethnicity": ("white",)})
    with pytest.raises(UsageError, match="has a head for ethnicity, but the faces to train on know white"):
        train.plan(replace(config, recipe=replace(RECIPE, stages=(one,))))


def test_sixty_faces_of_utkface_are_learned(config: train.Config, shared: Path, tmp_path: Path) -> None:
    for path in sorted((shared / "utkface" / "images").iterdir())[::190]:
        shutil.copy(path, tmp_path)
    learning = replace(RECIPE, split=Split(0.1, 0.4), stages=recipe.find("mobilenetv2").stages)
    trained = train.run(replace(config, recipe=learning, data=(f"utkface={tmp_path}",)))
    test = next(m for m in store.card(trained.folder).metrics if m.group == "overall" and "test" in m.data)
    assert test.value > 0.7


def test_chips_cut_from_a_lake_are_noted_there_until_they_are_gone(
    config: train.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a purge of the lake finds them, whether a run was stopped or told to keep them."""
    lake, read = tmp_path / "lake", datasets.read
    images = read(config.data[0]).images
    of = kept.keep(lake, kept.recording(tmp_path), len(images))
    (shard,) = (lake / "crops").rglob("*.parquet")
    rows = pq.read_table(shard)
    jpegs = pa.array([image.read() for image in images])
    pq.write_table(rows.set_column(rows.schema.get_field_index("jpeg"), "jpeg", jpegs), shard)
    there = tuple(replace(image, path=shard, row=row) for row, image in enumerate(images))
    monkeypatch.setattr(datasets, "read", lambda name: replace(read(name), images=there))

    def stop(now: Progress) -> None:
        if now.activity == "training":
            raise KeyboardInterrupt

    config = replace(config, recipe=replace(RECIPE, heads=Heads()))
    with pytest.raises(KeyboardInterrupt):
        train.run(config, stop)
    (note,) = uses.names(Storage(str(lake)))
    assert uses.read(Storage(str(lake)), note).folder == str(config.folder.chips)
    train.run(config)
    assert uses.names(Storage(str(lake))) == []
    train.run(replace(config, keep_chips=True, restart=True, replace=True))
    summary = purge.run(str(lake), PurgeScope(recordings=(of.recording_id,)))
    assert purge.totals(summary.before)[Place.CHIPS].images > 10
    assert summary.after == ()
    assert not config.folder.chips.exists()
