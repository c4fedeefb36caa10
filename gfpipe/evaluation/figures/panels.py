"""Panels of images with captions, such as Grad-CAM maps beside the chips."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import altair as alt
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gfpipe.evaluation.figures.gradcam import Map
from gfpipe.evaluation.figures.plotting import broken, figure
from gfpipe.output.drawing import Datum, Plan, layered

Pixels = NDArray[np.uint8]

SIDE: Final = 116  # of a cell in pixels: three fit a paper's column
DETAIL: Final = 2 * SIDE  # side of an image in pixels
_GAP: Final = 8
_LINE: Final = 14
_FONT_SIZE: Final = 10.5
_LETTER: Final = 5.3  # mean width of a letter
_SMOOTH: Final = 4  # antialiasing: outlines are drawn enlarged by this factor
# From dark to light, readable without colour vision: matplotlib's inferno without its white end.
_HEAT: Final = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [250, 215, 70]], np.float64)
_OPACITY: Final = 0.55  # of a map over its image


@dataclass(frozen=True)
class Cell:
    """An image, (D, D, 3) RGB with D = :data:`DETAIL`, and the lines of its caption."""

    picture: Pixels
    caption: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.picture.shape != (DETAIL, DETAIL, 3):
            raise ValueError(f"a cell needs a {DETAIL} × {DETAIL} RGB image, got shape {self.picture.shape}")


def panel(title: str, subtitle: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Plan:
    """Declare a panel with a cell for each row and column."""
    headings = [broken(name, SIDE) for name in columns]
    top = _LINE * max(map(len, headings)) + 4
    down = SIDE + _LINE * max(len(cell.caption) for row in rows for cell in row) + _GAP
    words: list[Datum] = [
        {"x": _x(at), "y": top - 6 - _LINE * (len(lines) - line), "text": text, "weight": "bold"}
        for at, lines in enumerate(headings)
        for line, text in enumerate(lines, start=1)
    ]
    pictures: list[Datum] = []
    for number, row in enumerate(rows):
        y = top + down * number
        for at, cell in enumerate(row):
            pictures.append({"x": _x(at), "y": y, "url": _embedded(cell.picture)})
            words += [
                {"x": _x(at), "y": y + SIDE + 3 + _LINE * (line + 1) - 4, "text": text, "weight": "normal"}
                for line, text in enumerate(cell.caption)
            ]
    x, y_axis = alt.X("x:Q", scale=None, axis=None), alt.Y("y:Q", scale=None, axis=None)
    shown = alt.Chart(alt.NamedData("pictures")).mark_image(width=SIDE, height=SIDE, align="left", baseline="top")
    texts = [
        alt.Chart(alt.NamedData("words"))
        .transform_filter(f"datum.weight == '{weight}'")
        .mark_text(align="left", baseline="alphabetic", fontSize=_FONT_SIZE, fontWeight=weight)
        .encode(x=x, y=y_axis, text="text:N")
        for weight in ("normal", "bold")
    ]
    chart = layered(shown.encode(x=x, y=y_axis, url="url:N"), *texts)
    chart = chart.properties(width=_x(len(columns)) - _GAP, height=top + down * len(rows) - _GAP)
    return figure(title, subtitle, [chart], {"pictures": pictures, "words": words})


def heated(picture: Pixels, weights: Map, corners: NDArray[np.floating]) -> Pixels:
    """Overlay an image with a map and outline the face's box.

    Args:
        picture: (D, D, 3).
        weights: (S, S) in [0, 1], of the same region.
        corners: (4, 2) x and y of the box in pixels of the map, in order around the box.
    """
    size = len(weights)
    fine = Image.fromarray(weights.astype(np.float32)).resize((DETAIL, DETAIL), Image.Resampling.BILINEAR)
    stops = np.linspace(0, 1, len(_HEAT))
    heat = np.stack([np.interp(np.asarray(fine), stops, channel) for channel in _HEAT.T], axis=-1)
    veiled = np.rint((1 - _OPACITY) * picture + _OPACITY * heat).astype(np.uint8)
    line = Image.new("L", (DETAIL * _SMOOTH, DETAIL * _SMOOTH))
    scale = DETAIL * _SMOOTH / size
    around = [(float(x) * scale, float(y) * scale) for x, y in (*corners, corners[0])]
    ImageDraw.Draw(line).line(around, fill=230, width=2 * _SMOOTH, joint="curve")
    smooth = line.resize((DETAIL, DETAIL), Image.Resampling.BOX)
    return np.asarray(Image.composite(Image.new("RGB", smooth.size, "white"), Image.fromarray(veiled), smooth))


def shortened(text: str) -> str:
    """A file name shortened to the width of a cell by an ellipsis in the middle."""
    letters = int(SIDE / _LETTER)
    if len(text) <= letters:
        return text
    end = letters // 2
    return f"{text[: letters - end - 1]}…{text[-end:]}"


def _x(column: int) -> int:
    return column * (SIDE + _GAP)


def _embedded(picture: Pixels) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=92)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
