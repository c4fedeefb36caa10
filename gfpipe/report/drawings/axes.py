"""Sizes, scales, axes and hover texts of the report's figures, and their inline SVG."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
from markupsafe import Markup

from gfpipe.output.drawing import DARK_GREEN, VERMILION, WHITE, Plan, share_axis, svg
from gfpipe.output.formats import known
from gfpipe.report.elements import Row, has_interval
from gfpipe.report.language import current
from gfpipe.report.periods import Label

_FONT_MARGIN: Final = 1.18  # a reader's font may be wider than the measured one by this factor
_MAX_ENLARGEMENT: Final = 1.3  # of figures on phones
# The column `says` of the data is shown where a pointer is on a mark with these options: by the page's script, or by
# Vega in a notebook.
HOVER: Final[dict[str, Any]] = {"description": alt.Description("says:N"), "tooltip": alt.Tooltip("says:N", title=None)}
HOVERED: Final[dict[str, Any]] = {"aria": True}
HATCHED: Final = "url(#hatch)"
_HATCH: Final = (
    '<defs><pattern id="hatch" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    f'<rect width="4" height="4" fill="{WHITE}" fill-opacity=".35"/><rect width="1.6" height="4" fill="{VERMILION}"/>'
    "</pattern></defs>"
)
_SAID: Final = re.compile(r' aria-label="([^"]*)" role="graphics-symbol" aria-roledescription="[^"]*"')


@dataclass(frozen=True)
class Size:
    """Width of a figure in CSS pixels, and of the names at its left."""

    width: int
    left: int

    @property
    def narrow(self) -> bool:
        """Whether the figure is for phones."""
        return self.width < 500

    @property
    def plot(self) -> int:
        """Width without the names."""
        return self.width - self.left - 12


PAGE: Final = Size(720, 140)
PHONE: Final = Size(328, 98)


@dataclass(frozen=True)
class Drawing:
    """One figure as two inline SVGs; the style sheet shows one of them."""

    wide: Markup
    narrow: Markup


def draw(identity: str, figure: Callable[[Size], Plan]) -> Drawing:
    """Draw a figure for desktop and phone; `identity` is the prefix of the ids in its SVG."""
    return Drawing(_svg(figure(PAGE), identity, "wide"), _svg(figure(PHONE), identity, "narrow"))


def share_domain(rows: Iterable[Row], names: Sequence[str]) -> tuple[float, float]:
    """A scale between round numbers that includes all values and intervals of a share.

    It starts at zero only if the values come near zero, and spans at least four points, so that noise stays small.
    """
    fields = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    values = [value for row in rows for field in fields if (value := known(row.get(field))) is not None] or [0.0, 0.5]
    low, high = min(values), max(values)
    step = 0.05 if high - low > 0.1 else 0.02
    low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    if high - low < 0.04:
        low, high = low - 0.02, high + 0.02
    return (0.0 if low <= high / 3 else round(low, 2), round(min(1.0, high), 2))


def share_x(domain: tuple[float, float], size: Size) -> alt.X:
    """A horizontal axis of a share."""
    return alt.X("share:Q", scale=exact(domain), title=None, axis=percent_axis(domain, 4 if size.narrow else 8))


def exact(domain: tuple[float, float]) -> alt.Scale:
    """A scale that ends at these values."""
    return alt.Scale(domain=list(domain), nice=False, zero=False)


def percent_axis(domain: tuple[float, float], most: int, **options: Any) -> alt.Axis:
    """An axis in per cent, as the page's language writes it."""
    return share_axis(domain, most, unit=current().percent, **options)


def ends(row: Row, name: str) -> dict[str, Any]:
    """Both ends of an interval, null if there is none, and the colour that fills the dot: hollow without interval."""
    certain = has_interval(row, name)
    both = {end: known(row[f"{name}_{end}"]) if certain else None for end in ("low", "high")}
    return both | {"fill": DARK_GREEN if certain else WHITE}


def category_x(field: str, names: Sequence[str], labels: Mapping[str, Label] | None, gap: float = 0.0) -> alt.X:
    """A horizontal axis with a position for each name, also those without a value; `labels` are the labelled names.

    Without labels (None) there is no axis.
    """
    axis = None
    if labels is not None:
        named = f"({json.dumps(labels)})[datum.value]"
        options: dict[str, Any] = {"labelAngle": 0, "labelOverlap": False, "labelLimit": 0, "tickSize": 4}
        axis = alt.Axis(values=list(labels), labelExpr=named, **options)
    scale = alt.Scale(type="band", domain=list(names), paddingInner=gap, paddingOuter=0)
    return alt.X(f"{field}:O", scale=scale, axis=axis, title=None)


def names_y(field: str, names: Sequence[str], left: int, **options: Any) -> alt.Y:
    """A vertical axis of names, shortened to fit also in a wider font."""
    limit = int((left - 8) / _FONT_MARGIN)
    axis = alt.Axis(labelLimit=limit, minExtent=left - 5, maxExtent=left - 5, ticks=False, **options)
    return alt.Y(f"{field}:N", sort=list(names), scale=alt.Scale(domain=list(names)), title=None, axis=axis)


def _svg(plan: Plan, identity: str, kind: str) -> Markup:
    drawn = svg(plan, current().separators)
    head = re.match(r'<svg [^>]*?width="([\d.]+)"[^>]*?(viewBox="[^"]+")[^>]*>', drawn)
    if head is None:
        raise ValueError(f"vl_convert did not return an SVG: {drawn[:200]}")
    widest = round(float(head[1]) * (_MAX_ENLARGEMENT if kind == "narrow" else 1))
    body = _SAID.sub(r' data-says="\1"', drawn[head.end() :])
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{identity}-{kind}-", (_HATCH if HATCHED in body else "") + body)
    return Markup(  # noqa: S704 - Vega has escaped the text in it
        f'<svg class="{kind}" {head[2]} style="max-width:{widest}px" aria-hidden="true" focusable="false">{body}'
    )
