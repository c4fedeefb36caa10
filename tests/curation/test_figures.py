"""Tests of figures of a set: curves, bars and contact sheets."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gfpipe.curation import figures, lakes
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.selection import Rules, select
from gfpipe.errors import LakeError
from gfpipe.output.drawing import svg
from tests.curation.faces import archive, candidates

RULES = Rules(0.9, 0.8)


def _rows(faces: Candidates, name: str) -> list[Any]:
    return list(figures.curves(faces, select(faces, RULES), RULES).data[name])


def test_curves_count_faces_by_threshold() -> None:
    faces = candidates(5, p_female=[1.0, 0.9, 0.5, 0.05, 0.3])
    counts = {(row["model"], row["threshold"]): row["faces"] for row in _rows(faces, "curves")}
    assert len(counts) == 200
    assert [counts["women", threshold] for threshold in (0, 0.01, 0.79, 0.8, 0.81, 0.99)] == [3, 2, 2, 2, 1, 1]
    assert [counts["men", threshold] for threshold in (0, 0.4, 0.41, 0.9, 0.91)] == [2, 2, 1, 1, 0]


def test_curves_count_a_track_once() -> None:
    faces = candidates(6, p_female=[0.9] * 4 + [0.1] * 2, track=[1, 1, 1, 1, 2, 2])
    assert max(row["faces"] for row in _rows(faces, "curves")) == 1


def test_bars_count_all_and_chosen_faces() -> None:
    faces = archive(500, 2)
    chosen = select(faces, RULES).chosen
    bars = _rows(faces, "bars")
    assert sum(row["faces"] for row in bars if row["faces_of"] == "chosen") == len(chosen)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_curves_of_few_faces(count: int) -> None:
    faces = archive(count, 1) if count else candidates(0)
    assert svg(figures.curves(faces, select(faces, RULES), RULES)).startswith("<svg")


def test_contact_sheets_are_optional(crop_lake: Path, tmp_path: Path) -> None:
    faces = _without_confident_faces_in_the_film(lakes.read(crop_lake).candidates)
    rules = Rules(0.9, 0.9, validation=0)
    selection = select(faces, rules)
    curves = figures.write(tmp_path / "without", faces, selection, rules)
    assert {path.name for path in curves} == {"selection-curves.svg", "selection-curves.png"}
    drawn = figures.write(tmp_path / "with", faces, selection, rules, sheets=True)
    sheets = [path for path in drawn if path.match(figures.SHEETS)]
    assert {path.name for path in sheets} == {
        "contact-sheet-women.jpg", "contact-sheet-men.jpg", "contact-sheet-just-under.jpg"
    }  # fmt: skip
    for path in sheets:
        assert np.asarray(Image.open(path)).std() > 20


def test_contact_sheets_show_only_files_with_chosen_faces(crop_lake: Path, tmp_path: Path) -> None:
    faces = _without_confident_faces_in_the_film(lakes.read(crop_lake).candidates)
    rules = Rules(0.9, 0.9, validation=0)
    sheets = []
    for subset in (faces, faces.take(faces.programme != "film")):
        folder = tmp_path / str(len(subset))
        figures.write(folder, subset, select(subset, rules), rules, sheets=True)
        sheets.append({path.name: path.read_bytes() for path in folder.glob(figures.SHEETS)})
    assert "contact-sheet-just-under.jpg" in sheets[0]
    assert sheets[0] == sheets[1]


def _without_confident_faces_in_the_film(faces: Candidates) -> Candidates:
    p_female = np.where(faces.female, 0.99, 0.01)
    p_female[faces.programme == "film"] = 0.8
    p_female[faces.row == 0] = 0.7
    return replace(faces, p_female=p_female)


def test_a_purged_crop_is_reported(tmp_path: Path) -> None:
    faces = candidates(2, p_female=[0.99, 0.01], path=str(tmp_path / "gone.parquet"))
    rules = Rules(0.9, 0.9, validation=0)
    with pytest.raises(LakeError, match=r"gone.parquet, row \d: the image cannot be read"):
        figures.write(tmp_path, faces, select(faces, rules), rules, sheets=True)
