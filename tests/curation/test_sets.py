"""Tests of sets on disk: rows, card, atomic writes."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from gfpipe.curation import sets
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.selection import Rules, select
from gfpipe.curation.sets import Model, Source
from gfpipe.errors import LakeError, UsageError
from tests.curation.faces import archive, candidates

RULES = Rules(0.9, 0.8, limit=60)
SOURCE = Source(
    "crops of a test", (Model("a model", "ab" * 32, 600),), {"too small": 3}, datetime(2030, 1, 2, tzinfo=UTC)
)


def _write(folder: Path, faces: Candidates, soft: bool = False) -> Path:
    return sets.write(folder, faces, select(faces, RULES), RULES, SOURCE, soft)


def test_rows_refer_to_the_chosen_without_images(tmp_path: Path) -> None:
    faces = archive(600, 0)
    table = pq.read_table(_write(tmp_path / "lake/sets/one", faces, soft=True) / "faces.parquet")
    chosen = faces.take(select(faces, RULES).chosen)
    assert table.schema.equals(sets.SCHEMA)
    assert table["recording_id"].to_pylist() == chosen.recording_id.tolist()
    assert table["p_female"].to_pylist() == chosen.p_female.tolist()
    assert set(table["perceived_gender"].to_pylist()) == {"female", "male"}
    assert table.schema.metadata[b"gfpipe.soft"] == b"true"
    assert table.schema.metadata[b"gfpipe.root"] == str(tmp_path / "lake").encode()


def test_paths_are_relative_in_the_lake_and_absolute_elsewhere(tmp_path: Path) -> None:
    faces = candidates(
        2,
        p_female=[0.99, 0.01],
        path=[str(tmp_path / "lake/crops/a.parquet"), "/elsewhere/b.jpg"],
        row=[7, -1],
        sample_index=[3, -1],
        face_index=[0, -1],
        config_digest=["d", ""],
        recording_id=["r", ""],
        programme="",
    )
    rows = pq.read_table(_write(tmp_path / "lake/sets/one", faces) / "faces.parquet").to_pylist()
    assert [(row["path"], row["row"], row["sample_index"], row["config_digest"]) for row in rows] == [
        ("crops/a.parquet", 7, 3, "d"),
        ("/elsewhere/b.jpg", None, None, None),
    ]


def test_the_card_counts_all_candidates_and_forbids_evaluation(tmp_path: Path) -> None:
    faces = archive(600, 0)
    folder = _write(tmp_path / "lake/sets/one", faces)
    card = sets.read_card(folder)
    for gender in ("female", "male"):
        chosen = sum(count[gender] for count in card.chosen.values())
        assert chosen == 30
        assert chosen + sum(getattr(dropped, gender) for dropped in card.dropped) == card.candidates[gender]
        assert all(sum(count[gender] for count in strata.values()) == chosen for strata in card.strata.values())
    assert sum(card.candidates.values()) == 600
    assert card.rules == RULES
    assert card.source == SOURCE
    assert set(card.recordings) == set(pq.read_table(folder / "faces.parquet")["recording_id"].to_pylist())
    assert "never to evaluate on" in json.loads((folder / "card.json").read_text())["labels"]


def test_invalid_cards_are_refused(tmp_path: Path) -> None:
    for text in ("no json", "{}", '{"format": 99}', '{"format": 1, "source": {"expires_at": null, "models": [1]}}'):
        (tmp_path / "card.json").write_text(text)
        with pytest.raises(LakeError, match="not the card of a curated set"):
            sets.read_card(tmp_path)
    with pytest.raises(LakeError, match="not the card"):
        sets.read_card(tmp_path / "nowhere")


def test_a_set_is_written_atomically(tmp_path: Path) -> None:
    folder, faces = tmp_path / "lake/sets/one", archive(300, 0)
    with pytest.raises(FileNotFoundError), sets.replacing(folder) as pending:
        (_write(pending, faces) / "none").read_text()
    assert list(folder.parent.iterdir()) == []
    with sets.replacing(folder) as pending:
        _write(pending, faces)
        assert not folder.exists()
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_a_set_is_replaced_only_with_replace(tmp_path: Path) -> None:
    folder = tmp_path / "lake/sets/one"
    for number, replace in enumerate((False, True)):
        with sets.replacing(folder, replace) as pending:
            _write(pending, archive(300, number))
            (pending / f"{number}.svg").write_text("")
    assert {path.name for path in folder.iterdir()} == {"faces.parquet", "card.json", "1.svg"}
    assert [path.name for path in folder.parent.iterdir()] == ["one"]
    with pytest.raises(UsageError, match="--replace"), sets.replacing(folder):
        pass


def test_other_folders_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one/thesis.txt").write_text("")
    with pytest.raises(UsageError, match="not a curated set"), sets.replacing(tmp_path / "one", replace=True):
        pass
    assert (tmp_path / "one/thesis.txt").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "../other", "a/b", "/etc", ".hidden", "a\0b", "x" * 101])
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a valid name of a set"):
        sets.folder_of(Path("lake"), name)


def test_sets_are_reproducible(tmp_path: Path) -> None:
    faces = archive(300, 4)
    one, other = (pq.read_table(_write(tmp_path / f"lake/sets/{name}", faces) / "faces.parquet") for name in "ab")
    assert one.equals(other)
    assert np.array_equal(one["part"].to_numpy(), other["part"].to_numpy())
