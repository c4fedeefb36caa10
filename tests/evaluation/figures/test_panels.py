"""Maps over pictures, in rows and columns."""

import numpy as np
import pytest

from gfpipe.evaluation.figures import panels
from gfpipe.evaluation.figures.panels import DETAIL, Cell
from tests.evaluation.pictures import Drawn

GREY = np.full((DETAIL, DETAIL, 3), 128, np.uint8)
OUTSIDE = np.array([[-90, -90], [90, -90], [90, 90], [-90, 90]])


def test_a_map_is_bright_where_its_weight_is() -> None:
    weights = np.zeros((8, 8), np.float32)
    weights[2, 5] = 1
    heated = panels.heated(GREY, weights, OUTSIDE).astype(int).sum(axis=2)
    pixel = DETAIL // 8
    brightest = np.unravel_index(np.argmax(heated), heated.shape)
    assert [int(place) // pixel for place in brightest] == [2, 5]
    assert heated[pixel * 6, pixel] < GREY[0, 0].sum(), "where there is none the picture is darkened"


def test_the_box_is_outlined_where_it_lies_on_the_chip() -> None:
    plain = panels.heated(GREY, np.zeros((32, 32), np.float32), OUTSIDE)
    boxed = panels.heated(GREY, np.zeros((32, 32), np.float32), np.array([[8, 8], [24, 8], [24, 24], [8, 24]]))
    changed = np.argwhere((boxed != plain).any(axis=2))
    quarter = DETAIL / 4
    assert np.abs(changed.min(axis=0) - quarter).max() <= 2
    assert np.abs(changed.max(axis=0) - 3 * quarter).max() <= 2
    inside = boxed[DETAIL // 2 - 5 : DETAIL // 2 + 5, DETAIL // 2 - 5 : DETAIL // 2 + 5]
    assert (inside == plain[0, 0]).all()


def test_each_picture_has_its_lines_beneath_it() -> None:
    cell = Cell(GREY, ("female, p_female 0.93", "84 % inside the box"))
    drawn = Drawn.of(panels.panel("Title", "words", ["", "a-model-of-a-longer-name"], [[cell, cell]] * 3))
    assert len(drawn.marks("image")) == 6
    assert drawn.words.count("84 % inside the box") == 6
    assert "a-model-of-a-" in drawn.words
    assert drawn.width < 3 * panels.SIDE


def test_a_long_file_name_keeps_both_ends() -> None:
    assert panels.shortened("portrait.jpg") == "portrait.jpg"
    short = panels.shortened("23_1_3_20170104231839354.jpg.chip.jpg")
    assert short.startswith("23_1_3")
    assert short.endswith("chip.jpg")
    assert len(short) < 24


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="232 × 232 RGB image"):
        Cell(np.zeros((10, 10, 3), np.uint8), ())
