"""What a set looks like: how many faces stay at each threshold, and sheets of the faces themselves.

Sheets are copies of crops. They are drawn only when asked for, and lie in the set's folder, where a purge finds them.
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
from gfpipe.curation.selection import Rules, Selection, confident, one_a_track
from gfpipe.curation.strata import CONFIDENCE, STRATA
from gfpipe.drawing import GREEN, GREY, INK, ORANGE, Datum, Plan, layered
from gfpipe.errors import LakeError
from gfpipe.evaluation.figures.plotting import PLOT, Style, exact, figure, lines, plain_axis, save
from gfpipe.training.data.records import LabelledImage

CURVES: Final = "selection-curves"
SHEETS: Final = "contact-sheet-*.jpg"

_THRESHOLDS: Final = np.arange(100) / 100
_WOMEN, _MEN = "women", "men"
_STYLES: Final = {_WOMEN: Style(GREEN, [1, 0], "circle"), _MEN: Style(ORANGE, [6, 3], "square")}

_ACROSS, _DOWN = 8, 6
_SIDE: Final = 132  # of a face on a sheet, in pixels
_GAP: Final = 8
_LINE: Final = 20
_TITLE: Final = 58


def curves(candidates: Candidates, selection: Selection, rules: Rules) -> Plan:
    """Declare how many faces stay at each threshold, and how sure the model is of all and of the chosen."""
    faces = candidates.take(one_a_track(candidates.track))
    sides = {_WOMEN: faces.female, _MEN: ~faces.female}
    stay: list[Datum] = [
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
    across = alt.X("threshold:Q", scale=exact((0, 1)), title="least confidence, |2p − 1|")
    count = alt.Y("faces:Q", title="faces that stay", axis=alt.Axis(format=",d", tickCount=5))
    rule = alt.Chart(alt.NamedData("thresholds")).mark_rule(strokeDash=[2, 3], strokeWidth=1.5)
    left = 80
    return figure(
        "Faces of each perceived gender, by how sure the model is",
        f"{len(faces):,} faces, one a track; {len(chosen):,} chosen; dotted: the threshold",
        [
            layered(
                rule.encode(x=across, color=alt.Color("colour:N", scale=None)), *lines("stay", across, count, 0)
            ).properties(width=PLOT - (left - 58), height=170),
            _histogram(bars, PLOT - (left - 58)),
        ],
        {"stay": stay, "bars": bars, "thresholds": thresholds},
        _STYLES,
        left,
    )


def _histogram(bars: Sequence[Datum], width: float) -> alt.LayerChart:
    """Bars by stratum of confidence: pale for all, full for the chosen."""
    there = {row["stratum"] for row in bars if row["faces"]}
    shown = [name for name in CONFIDENCE if name in there]
    base = alt.Chart(alt.NamedData("bars")).encode(
        y=alt.Y("stratum:N", sort=shown, scale=alt.Scale(domain=shown), title="confidence", axis=plain_axis()),
        yOffset=alt.YOffset("gender:N", sort=[_WOMEN, _MEN], scale=alt.Scale(domain=[_WOMEN, _MEN], paddingOuter=0.3)),
        x=alt.X("faces:Q", title="faces; pale: not chosen", axis=alt.Axis(format=",d", tickCount=5)),
        color=alt.Color("colour:N", scale=None),
    )
    every, taken = (base.transform_filter(f"datum.which == '{which}'") for which in ("all", "chosen"))
    return layered(every.mark_bar(opacity=0.3), taken.mark_bar()).properties(width=width, height=26 * len(shown))


def _bars(which: str, faces: Candidates) -> list[Datum]:
    stratum = STRATA["confidence"](faces)
    return [
        {
            "which": which,
            "stratum": word,
            "gender": name,
            "colour": _STYLES[name].colour,
            "faces": int(np.count_nonzero(side & (stratum == word))),
        }
        for name, side in ((_WOMEN, faces.female), (_MEN, ~faces.female))
        for word in CONFIDENCE
    ]


def _at_least(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many are at least as sure as each threshold."""
    return len(confidence) - np.searchsorted(np.sort(confidence), _THRESHOLDS)


def write(folder: Path, candidates: Candidates, selection: Selection, rules: Rules, sheets: bool = False) -> list[Path]:
    """Draw ``selection-curves.svg`` and ``.png`` and, where asked for, sheets of faces.

    Returns:
        The files written.

    Raises:
        LakeError: a crop is not there any more.
    """
    written = [*save(curves(candidates, selection, rules), folder, CURVES)]
    return written + (_write_sheets(folder, candidates, selection, rules) if sheets else [])


def _write_sheets(folder: Path, candidates: Candidates, selection: Selection, rules: Rules) -> list[Path]:
    """``contact-sheet-women.jpg``, ``-men.jpg`` and ``-just-under.jpg``, as far as there are such faces."""
    female, confidence = candidates.female, candidates.confidence
    sheets: list[tuple[str, str, NDArray[np.int64]]] = []
    for name, side in ((_WOMEN, True), (_MEN, False)):
        some = selection.chosen[female[selection.chosen] == side]
        shown = _spread(some[np.argsort(confidence[some], kind="stable")], _ACROSS * _DOWN)
        words = f"Chosen, perceived as {FEMALE if side else MALE}: {len(shown)} of {len(some):,}, the least sure first"
        sheets.append((name, words, shown))
    under = _just_under(candidates, selection, rules)
    sheets.append(("just-under", f"Under the threshold: the {len(under)} nearest to it, the nearest first", under))
    return [_sheet(folder, candidates, *each) for each in sheets if len(each[-1])]


def _just_under(candidates: Candidates, selection: Selection, rules: Rules) -> NDArray[np.int64]:
    """Those that lacked least, one a track, women first.

    Only of files that chosen faces are in too: a purge of others would not find the set, and so not the sheet.
    """
    known = np.isin(candidates.path, candidates.path[selection.chosen])
    unsure = np.flatnonzero(known & ~confident(candidates, rules))
    unsure = unsure[np.argsort(-candidates.confidence[unsure], kind="stable")]
    unsure = unsure[one_a_track(candidates.track[unsure])]
    half = _ACROSS * _DOWN // 2
    sides = [unsure[candidates.female[unsure] == side][:half] for side in (True, False)]
    return np.concatenate(sides)


def _spread(places: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """So many of them, at even distances from first to last."""
    return places[np.unique(np.linspace(0, len(places) - 1, count).round().astype(int))] if len(places) else places


def _sheet(folder: Path, candidates: Candidates, name: str, title: str, shown: NDArray[np.int64]) -> Path:
    """Faces in rows and columns, with what the model said beneath each."""
    step, down = _SIDE + _GAP, _SIDE + _LINE + _GAP
    size = (_GAP + _ACROSS * step, _TITLE + down * -(-len(shown) // _ACROSS))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 8), title, INK, ImageFont.load_default(18))
    draw.text((_GAP, 34), "Labels are a model's own. Copies of crops: to be purged with them.", GREY, _small())
    for number, place in enumerate(shown.tolist()):
        x, y = _GAP + step * (number % _ACROSS), _TITLE + down * (number // _ACROSS)
        sheet.paste(_face(Path(str(candidates.path[place])), int(candidates.row[place])), (x, y))
        words = f"{candidates.perceived_gender[place]}, {_cut(candidates.confidence[place])}"
        draw.text((x, y + _SIDE + 2), words, INK, _small())
    path = folder / SHEETS.replace("*", name)
    sheet.save(path, quality=88)
    return path


def _face(path: Path, row: int) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(LabelledImage(path, "", row=None if row < 0 else row).read()))
        return ImageOps.pad(picture.convert("RGB"), (_SIDE, _SIDE), color="white")
    except OSError as exc:
        raise LakeError(f"{path}, row {row}: the picture cannot be read: {exc}; run gfpipe curate again") from exc


def _small() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(13)


def _cut(confidence: float) -> str:
    """Three places, never rounded up to the threshold that was missed."""
    return f"{np.floor(confidence * 1000) / 1000:.3f}"
