"""Pictures of a set: the curves say what the numbers say; sheets only where they are asked for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gfpipe.curation import lakes, pictures
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.selection import Rules, select
from gfpipe.drawing import svg
from gfpipe.errors import LakeError
from tests.curation.faces import archive, candidates

RULES = Rules(0.9, 0.8)


def _rows(faces: Candidates, name: str) -> list[Any]:
    return list(pictures.curves(faces, select(faces, RULES), RULES).data[name])


def test_curves_count_the_faces_that_stay_at_each_threshold() -> None:
    faces = candidates(5, p_female=[1.0, 0.9, 0.5, 0.05, 0.3])
    stay = {(row["model"], row["threshold"]): row["faces"] for row in _rows(faces, "stay")}
    assert len(stay) == 200
    assert [stay["women", at] for at in (0, 0.01, 0.79, 0.8, 0.81, 0.99)] == [3, 2, 2, 2, 1, 1]
    assert [stay["men", at] for at in (0, 0.4, 0.41, 0.9, 0.91)] == [2, 2, 1, 1, 0]


def test_curves_count_a_track_once() -> None:
    faces = candidates(6, p_female=[0.9] * 4 + [0.1] * 2, track=[1, 1, 1, 1, 2, 2])
    assert max(row["faces"] for row in _rows(faces, "stay")) == 1


def test_bars_hold_all_faces_and_the_chosen() -> None:
    faces = archive(500, 2)
    chosen = select(faces, RULES).chosen
    bars = _rows(faces, "bars")
    assert sum(row["faces"] for row in bars if row["which"] == "chosen") == len(chosen)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_curves_can_be_drawn_of_few_faces_too(count: int) -> None:
    faces = archive(count, 1) if count else candidates(0)
    assert svg(pictures.curves(faces, select(faces, RULES), RULES)).startswith("<svg")


def test_faces_are_drawn_only_where_they_are_asked_for(crop_lake: Path, tmp_path: Path) -> None:
    faces = _of_whom_the_film_shows_nobody_surely(lakes.read(crop_lake).candidates)
    rules = Rules(0.9, 0.9, validation=0)
    selection = select(faces, rules)
    curves = pictures.write(tmp_path / "without", faces, selection, rules)
    assert {path.name for path in curves} == {"selection-curves.svg", "selection-curves.png"}
    drawn = pictures.write(tmp_path / "with", faces, selection, rules, sheets=True)
    sheets = [path for path in drawn if path.match(pictures.SHEETS)]
    assert {path.name for path in sheets} == {
        "contact-sheet-women.jpg", "contact-sheet-men.jpg", "contact-sheet-just-under.jpg"
    }  # fmt: skip
    for path in sheets:
        assert np.asarray(Image.open(path)).std() > 20


def test_sheets_show_nobody_of_whom_a_purge_would_not_find_the_set(crop_lake: Path, tmp_path: Path) -> None:
    faces = _of_whom_the_film_shows_nobody_surely(lakes.read(crop_lake).candidates)
    rules = Rules(0.9, 0.9, validation=0)
    sheets = []
    for some in (faces, faces.take(faces.programme != "film")):
        folder = tmp_path / str(len(some))
        pictures.write(folder, some, select(some, rules), rules, sheets=True)
        sheets.append({path.name: path.read_bytes() for path in folder.glob(pictures.SHEETS)})
    assert "contact-sheet-just-under.jpg" in sheets[0]
    assert sheets[0] == sheets[1]


def _of_whom_the_film_shows_nobody_surely(faces: Candidates) -> Candidates:
    p_female = np.where(faces.female, 0.99, 0.01)
    p_female[faces.programme == "film"] = 0.8
    p_female[faces.row == 0] = 0.7
    return replace(faces, p_female=p_female)


def test_a_crop_that_was_purged_meanwhile_is_named(tmp_path: Path) -> None:
    faces = candidates(2, p_female=[0.99, 0.01], path=str(tmp_path / "gone.parquet"))
    rules = Rules(0.9, 0.9, validation=0)
    with pytest.raises(LakeError, match=r"gone.parquet, row \d: the picture cannot be read"):
        pictures.write(tmp_path, faces, select(faces, rules), rules, sheets=True)
