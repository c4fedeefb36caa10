"""Figures of a curated set: faces by confidence threshold, and contact sheets.

Contact sheets are copies of crops, drawn on request only, in the set's folder, where purges find them.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import altair as alt
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from gfpipe.attributes.spec import FEMALE, MALE
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.selection import Rules, Selection, confident, one_per_track
from gfpipe.curation.strata import CONFIDENCE, STRATA
from gfpipe.errors import LakeError
from gfpipe.evaluation.figures.plotting import PLOT, Style, exact, figure, lines, plain_axis, save
from gfpipe.output.drawing import GREEN, GREY, INK, ORANGE, Datum, Plan, layered
from gfpipe.training.data.records import LabelledImage

CURVES: Final = "selection-curves"
SHEETS: Final = "contact-sheet-*.jpg"

_THRESHOLDS: Final = np.arange(100) / 100
_WOMEN, _MEN = "women", "men"
_STYLES: Final = {_WOMEN: Style(GREEN, [1, 0], "circle"), _MEN: Style(ORANGE, [6, 3], "square")}

_ACROSS, _DOWN = 8, 6
_SIDE: Final = 132  # pixels of a face
_GAP: Final = 8
_LINE: Final = 20
_TITLE: Final = 58


def curves(candidates: Candidates, selection: Selection, rules: Rules) -> Plan:
    """Plot the number of faces by threshold, and the confidence of all and of chosen faces."""
    faces = candidates.take(one_per_track(candidates.track))
    sides = {_WOMEN: faces.female, _MEN: ~faces.female}
    curves: list[Datum] = [
        _STYLES[name] | {"model": name, "threshold": float(threshold), "faces": int(count), "hollow": False}
        for name, side in sides.items()
        for threshold, count in zip(_THRESHOLDS, _at_least(faces.confidence[side]), strict=True)
    ]
    chosen = candidates.take(selection.chosen)
    bars = _bars("all", faces) + _bars("chosen", chosen)
    thresholds: list[Datum] = [
        {"threshold": rules.threshold_female, "colour": _STYLES[_WOMEN].colour},
        {"threshold": rules.threshold_male, "colour": _STYLES[_MEN].colour},
    ]
    if rules.threshold_female == rules.threshold_male:
        thresholds = [{"threshold": rules.threshold_female, "colour": INK}]
    across = alt.X("threshold:Q", scale=exact((0, 1)), title="minimum confidence, |2p − 1|")
    count = alt.Y("faces:Q", title="faces", axis=alt.Axis(format=",d", tickCount=5))
    rule = alt.Chart(alt.NamedData("thresholds")).mark_rule(strokeDash=[2, 3], strokeWidth=1.5)
    left = 80
    return figure(
        "Faces by perceived gender and confidence",
        f"{len(faces):,} faces, one per track; {len(chosen):,} chosen; dotted: threshold",
        [
            layered(
                rule.encode(x=across, color=alt.Color("colour:N", scale=None)), *lines("curves", across, count, 0)
            ).properties(width=PLOT - (left - 58), height=170),
            _histogram(bars, PLOT - (left - 58)),
        ],
        {"curves": curves, "bars": bars, "thresholds": thresholds},
        _STYLES,
        left,
    )


def _histogram(bars: Sequence[Datum], width: float) -> alt.LayerChart:
    """Draw bars by stratum of confidence: pale for all faces, opaque for chosen ones."""
    filled = {row["stratum"] for row in bars if row["faces"]}
    shown = [name for name in CONFIDENCE if name in filled]
    base = alt.Chart(alt.NamedData("bars")).encode(
        y=alt.Y("stratum:N", sort=shown, scale=alt.Scale(domain=shown), title="confidence", axis=plain_axis()),
        yOffset=alt.YOffset("gender:N", sort=[_WOMEN, _MEN], scale=alt.Scale(domain=[_WOMEN, _MEN], paddingOuter=0.3)),
        x=alt.X("faces:Q", title="faces; pale: not chosen", axis=alt.Axis(format=",d", tickCount=5)),
        color=alt.Color("colour:N", scale=None),
    )
    all_, chosen = (base.transform_filter(f"datum.faces_of == '{faces}'") for faces in ("all", "chosen"))
    return layered(all_.mark_bar(opacity=0.3), chosen.mark_bar()).properties(width=width, height=26 * len(shown))


def _bars(faces_of: str, faces: Candidates) -> list[Datum]:
    strata = STRATA["confidence"](faces)
    return [
        {
            "faces_of": faces_of,
            "stratum": stratum,
            "gender": name,
            "colour": _STYLES[name].colour,
            "faces": int(np.count_nonzero(side & (strata == stratum))),
        }
        for name, side in ((_WOMEN, faces.female), (_MEN, ~faces.female))
        for stratum in CONFIDENCE
    ]


def _at_least(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count faces that reach each threshold."""
    return len(confidence) - np.searchsorted(np.sort(confidence), _THRESHOLDS)


def write(folder: Path, candidates: Candidates, selection: Selection, rules: Rules, sheets: bool = False) -> list[Path]:
    """Draw ``selection-curves.svg`` and ``.png``, and contact sheets if `sheets`; return their paths.

    Raises:
        LakeError: a crop cannot be read any more.
    """
    written = [*save(curves(candidates, selection, rules), folder, CURVES)]
    return written + (_write_sheets(folder, candidates, selection, rules) if sheets else [])


def _write_sheets(folder: Path, candidates: Candidates, selection: Selection, rules: Rules) -> list[Path]:
    """Draw ``contact-sheet-women.jpg``, ``-men.jpg`` and ``-just-under.jpg``, unless empty."""
    female, confidence = candidates.female, candidates.confidence
    sheets: list[tuple[str, str, NDArray[np.int64]]] = []
    for name, side in ((_WOMEN, True), (_MEN, False)):
        faces = selection.chosen[female[selection.chosen] == side]
        shown = _spread(faces[np.argsort(confidence[faces], kind="stable")], _ACROSS * _DOWN)
        title = f"Chosen, perceived as {FEMALE if side else MALE}: {len(shown)} of {len(faces):,}, by rising confidence"
        sheets.append((name, title, shown))
    under = _just_under(candidates, selection, rules)
    sheets.append(("just-under", f"Below the threshold: the {len(under)} nearest faces, nearest first", under))
    return [_sheet(folder, candidates, *sheet) for sheet in sheets if len(sheet[-1])]


def _just_under(candidates: Candidates, selection: Selection, rules: Rules) -> NDArray[np.int64]:
    """Return the faces nearest below the threshold, one per track, women first.

    Only from files that contain chosen faces: purges of other files would not find this sheet.
    """
    known = np.isin(candidates.path, candidates.path[selection.chosen])
    unsure = np.flatnonzero(known & ~confident(candidates, rules))
    unsure = unsure[np.argsort(-candidates.confidence[unsure], kind="stable")]
    unsure = unsure[one_per_track(candidates.track[unsure])]
    half = _ACROSS * _DOWN // 2
    sides = [unsure[candidates.female[unsure] == side][:half] for side in (True, False)]
    return np.concatenate(sides)


def _spread(faces: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Select evenly spaced faces, from first to last."""
    return faces[np.unique(np.linspace(0, len(faces) - 1, count).round().astype(int))] if len(faces) else faces


def _sheet(folder: Path, candidates: Candidates, name: str, title: str, shown: NDArray[np.int64]) -> Path:
    """Draw faces in a grid, each with the model's output below."""
    step, down = _SIDE + _GAP, _SIDE + _LINE + _GAP
    size = (_GAP + _ACROSS * step, _TITLE + down * -(-len(shown) // _ACROSS))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 8), title, INK, ImageFont.load_default(18))
    draw.text((_GAP, 34), "Labels are model output. Copies of crops, to be purged with them.", GREY, _small())
    for number, index in enumerate(shown.tolist()):
        x, y = _GAP + step * (number % _ACROSS), _TITLE + down * (number // _ACROSS)
        sheet.paste(_face(Path(str(candidates.path[index])), int(candidates.row[index])), (x, y))
        confidence = np.floor(candidates.confidence[index] * 1000) / 1000  # never rounded up to the threshold
        caption = f"{candidates.perceived_gender[index]}, {confidence:.3f}"
        draw.text((x, y + _SIDE + 2), caption, INK, _small())
    path = folder / SHEETS.replace("*", name)
    sheet.save(path, quality=88)
    return path


def _face(path: Path, row: int) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(LabelledImage(path, "", row=None if row < 0 else row).read()))
        return ImageOps.pad(picture.convert("RGB"), (_SIDE, _SIDE), color="white")
    except OSError as exc:
        raise LakeError(f"{path}, row {row}: the image cannot be read: {exc}; run gfpipe curate again") from exc


def _small() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(13)
