"""Warehouses, lakes and models that are damaged or of another program: one line that names the file and a remedy."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest
import safetensors.torch
import torch

from gfpipe.attributes import classifier
from gfpipe.errors import ModelError
from gfpipe.models import champion, store
from gfpipe.models.weights import WEIGHTS
from tests.conftest import Command
from tests.estimates.archives import fortnight

pytestmark = pytest.mark.slow

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fortnight(tmp_path_factory.mktemp("foreign") / "lake")


def _of_sqlite(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("create table t (a)")
    connection.close()


def _of_another_program(file: Path) -> None:
    file.unlink()
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table rollup as select 1 as a")


def _flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    for place in range(12_288, len(data)):  # after the headers
        data[place] ^= 0x5A
    file.write_bytes(data)


def _of_another_version(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("drop view screen_time_by_day")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.write_bytes(b"no database" * 999), "cannot be read as a warehouse"),
        (lambda file: file.write_bytes(b""), "cannot be read as a warehouse"),
        (lambda file: file.write_bytes(file.read_bytes()[:5000]), "cannot be read as a warehouse"),
        (_of_sqlite, "cannot be read as a warehouse"),
        (_of_another_program, "it is not a warehouse of this version of gfpipe"),
        (_of_another_version, "it is not a warehouse of this version of gfpipe, as it lacks screen_time_by_day;"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be read as a warehouse"),
        (_flipped, "Corrupt database file"),
    ],
)
def test_a_warehouse_that_cannot_be_read_is_named(
    gfpipe: Command, published: Path, tmp_path: Path, damage: Damage, message: str
) -> None:
    lake = shutil.copytree(published, tmp_path / "lake")
    damage(lake / "gfpipe.duckdb")
    said = gfpipe("stats", "--lake", str(lake), "--by", "channel")
    assert said.code == 1
    line = " ".join(said.stderr.split())
    assert line.startswith(f"gfpipe: {lake / 'gfpipe.duckdb'}: ")
    assert message in line
    assert line.endswith(f"publish it again: gfpipe publish --lake {lake}")


def _photos(folder: Path) -> None:
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "a.jpg").write_bytes(b"a picture")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "there is no such lake"),
        (lambda folder: folder.write_text("a file"), "there is no such lake"),
        (lambda folder: folder.mkdir(), "nothing has been analysed yet, or it is no lake"),
        (_photos, "nothing has been analysed yet, or it is no lake"),
    ],
)
def test_a_folder_that_is_no_lake_is_named(gfpipe: Command, tmp_path: Path, make: Damage, message: str) -> None:
    lake = str(tmp_path / "lake")
    make(Path(lake))
    for words in (
        ("status",),
        ("publish",),
        ("stats",),
        ("report", "--out", str(tmp_path / "report.html")),
        ("sql", "-c", "from recordings"),
        ("label", "list"),
        ("label", "agreement"),
        ("purge", "--all", "--yes"),
        ("forget", "--channel", "One", "--yes"),
        ("curate", "--name", "ours"),
        ("reclassify", "--classifier", "champion"),
    ):
        said = gfpipe(*words, "--lake", lake)
        assert (said.code, said.stdout) == (2, "")
        assert f"gfpipe: {lake}: {message}" in " ".join(said.stderr.split())


def _change(folder: Path, **values: Any) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | values))


def _put(folder: Path, data: bytes) -> None:
    (folder / WEIGHTS).write_bytes(data)
    _change(folder, sha256=sha256(data).hexdigest())


def _without_numbers(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / WEIGHTS)
    _put(folder, safetensors.torch.save({name: weight * float("nan") for name, weight in weights.items()}))


@pytest.fixture
def ours(own_models: Path) -> Path:
    folder = shutil.copytree(own_models / champion.FIRST, own_models / "ours")
    _change(folder, id="ours")
    return folder


@pytest.mark.parametrize(
    ("damage", "file", "message"),
    [
        (lambda ours: (ours / "card.json").write_bytes(b"\xff\xfe\0"), "card.json", "'utf-8' codec"),
        (lambda ours: (ours / "card.json").write_text(""), "card.json", "not JSON"),
        (
            lambda ours: (ours / "card.json").write_text('{"model_type": "vit"}'),
            "card.json",
            "unknown key 'model_type'",
        ),
        (
            lambda ours: _change(ours, input={"size": 10**9, "mean": [0] * 3, "std": [1] * 3}),
            "card.json",
            "size must be",
        ),
        (lambda ours: (ours / WEIGHTS).unlink(), WEIGHTS, "cannot be read: No such file"),
        (lambda ours: (ours / WEIGHTS).write_bytes((ours / WEIGHTS).read_bytes()[:-1]), WEIGHTS, "has sha256"),
    ],
)
def test_a_damaged_model_is_named_before_any_recording_is_read(
    gfpipe: Command, ours: Path, published: Path, damage: Damage, file: str, message: str
) -> None:
    damage(ours)
    said = gfpipe("reclassify", "--lake", str(published), "--classifier", "ours", "--dry-run")
    line = " ".join(said.stderr.split())
    assert (said.code, said.stdout) == (1, "")
    assert line.startswith(f"gfpipe: {ours / file}")
    assert message in line


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda ours: (ours / WEIGHTS).unlink(), "cannot be read: No such file"),
        (lambda ours: (ours / WEIGHTS).write_bytes(b"0"), "has sha256"),
        (lambda ours: _put(ours, b"\x80\x04pickle"), "cannot be read"),
        (_without_numbers, "contains values that are not numbers"),
    ],
)
def test_damaged_weights_are_named(ours: Path, damage: Damage, message: str) -> None:
    damage(ours)
    with pytest.raises(ModelError) as error:
        store.open_model("ours")
    assert str(error.value).startswith(str(ours / WEIGHTS))
    assert message in str(error.value)


def test_weights_of_another_network_are_refused_in_one_line(ours: Path) -> None:
    _put(ours, safetensors.torch.save({"other": torch.zeros(3)}))
    model = store.open_model("ours")
    with pytest.raises(ModelError) as error:
        classifier.load(model.card.classifier, model.weights, torch.device("cpu"))
    assert str(error.value).startswith(
        "ours: these weights do not fit the network cydral-gender with 2 outputs: Missing"
    )
    assert "\n" not in str(error.value)


def test_one_damaged_card_does_not_hide_the_other_models(gfpipe: Command, ours: Path) -> None:
    (ours / "card.json").write_text("{")
    said = gfpipe("models", "list")
    assert said.code == 1
    assert champion.FIRST in said.stdout
    assert "twin" in said.stdout
    assert "ours" in said.stdout
    assert "is not a readable model card" in " ".join(said.stdout.split())
