"""A curated set: what of it may be used, how it is learned from, and that nothing is ever measured on it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from gfpipe.errors import UsageError
from gfpipe.stages.models import evaluate
from gfpipe.training.data import datasets, lessons, splits
from gfpipe.training.recipe import Stage
from gfpipe.training.run.objective import Objective
from gfpipe.training.tables import Heads
from tests.training import faces as hand
from tests.training import toys

LATER = datetime.now(UTC) + timedelta(days=30)
MODEL = {"id": "source-v1", "sha256": "0" * 64, "faces": 9}
CARD = (
    '{"source": {"material": "crops of a lake", "models": [{"id": "source-v1"}]}, "soft": false,'
    ' "rules": {"threshold_female": 0.6, "threshold_male": 0.9}}'
)
KINDS = pa.schema(
    {
        "path": pa.string(),
        "row": pa.int64(),
        "recording_id": pa.string(),
        "sample_index": pa.int32(),
        "face_index": pa.int32(),
        "config_digest": pa.string(),
        "perceived_gender": pa.string(),
        "p_female": pa.float64(),
        "confidence": pa.float64(),
        "part": pa.string(),
    }
)


def crop(number: int, **changes: Any) -> dict[str, Any]:
    """One row of a shard of crops."""
    row = {"recording_id": "a", "sample_index": number, "face_index": 0, "config_digest": "now"}
    return row | {"jpeg": hand.jpeg(number), "expires_at": LATER} | changes


def shard(lake: Path, *rows: Mapping[str, Any]) -> str:
    """Write a shard of crops; its path in the lake."""
    place = "crops/v1/channel=one/month=2001-01/a.parquet"
    (lake / place).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), lake / place)
    return place


def face(path: str, row: int | None, **changes: Any) -> dict[str, Any]:
    """One row of a set."""
    known = {"recording_id": "a", "sample_index": row, "face_index": 0, "config_digest": "now"}
    said = {"perceived_gender": "female", "p_female": 0.95, "confidence": 0.9, "part": "train"}
    return {"path": path, "row": row} | known | said | changes


def curated(lake: Path, *rows: Mapping[str, Any], soft: bool = False, name: str = "march") -> Path:
    """Write a set."""
    folder = lake / "sets" / name
    folder.mkdir(parents=True, exist_ok=True)
    said = {b"gfpipe.soft": str(soft).lower().encode(), b"gfpipe.root": str(lake).encode()}
    pq.write_table(pa.Table.from_pylist(list(rows), KINDS.with_metadata(said)), folder / "faces.parquet")
    (folder / "card.json").write_text(CARD)
    return folder


def by_hand(folder: Path, genders: str, part: str = "train", soft: bool = False) -> Path:
    """A set of pictures that are files: a face for each letter, f or m."""
    rows = []
    for number, letter in enumerate(genders):
        path = hand.write(folder / "pictures" / f"{part}-{number}.jpg", 1_000 + 100 * (part == "validation") + number)
        gender, p_female = ("female", 0.8) if letter == "f" else ("male", 0.1)
        rows.append(face(str(path), None, perceived_gender=gender, p_female=p_female, part=part))
    return curated(folder, *rows, soft=soft, name=part)


def test_a_face_is_read_from_its_crop_with_the_model_s_label(tmp_path: Path) -> None:
    place = shard(tmp_path, crop(0), crop(1))
    found = datasets.read(f"march:curated={curated(tmp_path, face(place, 1, part='validation'))}")
    (image,) = found.images
    assert image.read() == hand.jpeg(1)
    assert (image.perceived_gender, image.part, image.pseudo, image.p_female) == ("female", "validation", True, None)
    assert found.broadcast, "crops are of broadcasts"
    assert found.about == (
        "crops of a lake, labelled by source-v1 where it was confident (|2p - 1| at least 0.6 for female faces and 0.9 "
        "for male faces)"
    )
    assert "a model's predictions" in found.licence


def test_only_a_soft_set_gives_soft_labels(tmp_path: Path) -> None:
    place = shard(tmp_path, crop(0))
    (image,) = datasets.read(f"curated={curated(tmp_path, face(place, 0), soft=True)}").images
    assert image.p_female == 0.95


@pytest.mark.parametrize(
    ("kept", "row", "reason"),
    [
        ([crop(0, config_digest="later")], 0, "now of another analysis"),
        ([crop(0, expires_at=datetime(2001, 1, 1, tzinfo=UTC))], 0, "has expired"),
        ([crop(0, expires_at=None)], 0, "has expired"),
        ([crop(0)], 1, "was removed"),
        ([crop(5)], 0, "replaced by another face"),
    ],
)
def test_a_crop_that_may_not_be_used_is_named_with_the_reason(
    tmp_path: Path, kept: list[dict[str, Any]], row: int, reason: str
) -> None:
    place = shard(tmp_path, *kept)
    other = hand.write(tmp_path / "other.jpg", 9)
    found = datasets.read(f"curated={curated(tmp_path, face(place, row), face(str(other), None))}")
    assert [image.path for image in found.images] == [other]
    (skipped,) = found.skipped
    assert reason in skipped.reason
    assert place in skipped.name


def test_a_purged_crop_or_a_lost_picture_is_left_out(tmp_path: Path) -> None:
    other = hand.write(tmp_path / "other.jpg", 9)
    rows = face("crops/v1/gone.parquet", 0), face("gone.jpg", None), face(str(other), None)
    found = datasets.read(f"curated={curated(tmp_path, *rows)}")
    assert [skipped.reason for skipped in found.skipped] == [
        "the crop was removed",
        "the image does not exist any more",
    ]


def test_a_row_is_never_a_test_face(tmp_path: Path) -> None:
    path = str(hand.write(tmp_path / "one.jpg", 1))
    found = datasets.read(f"curated={curated(tmp_path, face(path, None), face(path, None, part='test'))}")
    assert len(found.images) == 1
    assert "its part is 'test'" in found.skipped[0].reason


def test_a_set_moves_with_its_lake(tmp_path: Path) -> None:
    place = shard(tmp_path / "before", crop(0))
    curated(tmp_path / "before", face(place, 0))
    (tmp_path / "before").rename(tmp_path / "after")
    (image,) = datasets.read(f"curated={tmp_path / 'after' / 'sets' / 'march'}").images
    assert image.path == tmp_path / "after" / place


def test_what_is_no_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give the folder of a set that gfpipe curate wrote"):
        datasets.read(f"curated={tmp_path}")
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "faces.parquet")
    with pytest.raises(UsageError, match="not a set of gfpipe curate: it has no column row"):
        datasets.read(f"curated={tmp_path}")


def test_nothing_is_measured_on_a_model_s_own_labels(tmp_path: Path) -> None:
    data = f"march:curated={by_hand(tmp_path, 'fm')}"
    with pytest.raises(UsageError, match="march is a curated set: its labels are a model's predictions"):
        evaluate.run(evaluate.Config(("cydral-gender-v1",), (data,), part="all"))


def test_what_people_said_of_a_picture_counts_and_not_what_a_model_said_of_a_copy(tmp_path: Path) -> None:
    folder = by_hand(tmp_path, "fm")
    pictures = sorted((tmp_path / "pictures").iterdir())
    human = [datasets.LabelledImage(pictures[0], "male", part="test")]
    faces = splits.distinct([datasets.read(f"a:curated={folder}"), hand.dataset("people", *human)])
    assert [(image.perceived_gender, image.part, image.pseudo) for image in faces.images] == [
        ("male", "test", False),
        ("male", "train", True),
    ]
    assert "people labelled the same picture" in faces.skipped[0].reason


def _faces(tmp_path: Path) -> splits.Faces:
    sets = [datasets.read(f"c-{part}:curated={by_hand(tmp_path, 'fmfm', part)}") for part in ("train", "validation")]
    together = datasets.Dataset("curated", "curated", (*sets[0].images, *sets[1].images), ())
    images = [
        datasets.LabelledImage(
            hand.write(tmp_path / f"{part}{number}.jpg", 50 + 10 * place + number), gender, part=part
        )
        for place, part in enumerate(("train", "validation"))
        for number, gender in enumerate(("female", "male", "female"))
    ]
    return splits.distinct([together, hand.dataset("labelled", *images)])


@pytest.mark.parametrize(
    ("data", "human", "stopped_by"), [("labelled + curated", True, 3), ("curated", False, 4), ("labelled", True, 3)]
)
def test_a_stage_is_stopped_by_labelled_faces_alone_where_it_has_any(
    tmp_path: Path, data: str, human: bool, stopped_by: int
) -> None:
    faces = _faces(tmp_path)
    stage = Stage("one", data, epochs=1, rate=1e-3, patience=1)
    recipe = toys_recipe(stage)
    (chosen,) = lessons.choose(recipe, faces, splits.parts(faces))
    assert len(chosen.validation) == stopped_by
    assert set(~faces.pseudo[chosen.validation]) == {human}
    counted = lessons.count("train", faces, chosen.train)
    assert counted.pseudo == faces.pseudo[chosen.train].sum()


def toys_recipe(stage: Stage) -> Any:
    from gfpipe.training.recipe import Recipe

    return Recipe("tiny", "tiny", "cydral-gender", (stage,))


def test_an_epoch_of_a_given_size_shows_as_many_faces_of_each_set_and_gender(tmp_path: Path) -> None:
    faces = _faces(tmp_path)
    stage = Stage("one", "labelled + curated", 1, 1e-3, balance=("dataset", "gender"), epoch_faces=40)
    (chosen,) = lessons.choose(toys_recipe(stage), faces, splits.parts(faces))
    shown = lessons.lesson(chosen, faces, np.ones(len(faces.images), np.bool_), seed=0).draw(0)
    assert len(shown) == 40
    cells = splits.joined(faces.dataset, faces.perceived_gender)[shown]
    assert set(np.unique(cells, return_counts=True)[1]) == {10}


def test_a_soft_label_is_learned_as_it_is_and_not_smoothed() -> None:
    examples = replace(toys.faces(4), p_female=np.array([0.7, np.nan, np.nan, 0.2], np.float32))
    targets = Objective(Heads()).targets(examples, np.arange(4), label_smoothing=0.1)
    assert torch.allclose(targets, torch.tensor([[0.7, 0.3], [0.05, 0.95], [0.95, 0.05], [0.2, 0.8]]))


def test_soft_labels_of_another_number_of_faces_are_refused() -> None:
    with pytest.raises(ValueError, match="labels of"):
        replace(toys.faces(4), p_female=np.zeros(3, np.float32))
