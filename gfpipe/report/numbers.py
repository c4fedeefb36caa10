"""Numbers as people read them, each with the number as it is beside it.

    <data value="0.41327" data-unit="%" data-name="share_female_face_time" data-group="channel=north">41.3 %</data>

`data-unit` says that what is shown is a hundred times `value`.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

Row = Mapping[str, Any]

NOT_KNOWN: Final = "–"
ALL: Final = "all"
_SPACE: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Form:
    """How a kind of number is written.

    Attributes:
        decimals: digits after the point; None for as many as the size of the number asks for.
        unit: what follows the number; for ``%`` the number is multiplied by a hundred.
        signed: whether a plus is written, too.
    """

    decimals: int | None
    unit: str = ""
    signed: bool = False

    def text(self, value: float, unit: bool = True) -> str:
        """Write `value`; without its unit where that stands elsewhere."""
        scaled = value * 100 if self.unit == "%" else value
        decimals = _decimals(scaled) if self.decimals is None else self.decimals
        digits = f"{abs(scaled):,.{decimals}f}"
        zero = not digits.strip("0.,")
        sign = "" if zero else "\N{MINUS SIGN}" if scaled < 0 else "+" if self.signed else ""
        return sign + digits + (_SPACE + self.unit if unit and self.unit else "")


PERCENT: Final = Form(1, "%")
RATIO: Final = Form(2)
HOURS: Final = Form(None)
COUNT: Final = Form(0)
POINTS: Final = Form(1, signed=True)


def known(value: Any) -> float | None:
    """Give a finite number as it is, and None for everything else."""
    return None if value is None or isinstance(value, str) or not math.isfinite(value) else float(value)


def number(row: Row, name: str, form: Form, group: str = ALL, unit: bool = True) -> Markup:
    """Show one value of a row; a dash where it is not known."""
    value = known(row.get(name))
    return escape(NOT_KNOWN) if value is None else element(value, name, form, group, unit)


def element(value: float, name: str, form: Form, group: str = ALL, unit: bool = True) -> Markup:
    """Show a number that belongs to no row."""
    exact = repr(int(value)) if value.is_integer() else repr(value)
    scale = ' data-unit="%"' if form.unit == "%" else ""
    return Markup(  # noqa: S704 - names and texts are ours; tens of thousands of elements, so no Markup.format
        f'<data value="{exact}"{scale} data-name="{name}" data-group="{escape(group)}">{form.text(value, unit)}</data>'
    )


def interval(row: Row, name: str, form: Form, group: str = ALL) -> Markup:
    """Show the two ends of an interval, the unit after the second; empty where there is none."""
    if not has_interval(row, name):
        return Markup()
    low = number(row, f"{name}_low", form, group, unit=False)
    high = number(row, f"{name}_high", form, group)
    return Markup('<span class="interval">{}–{}</span>').format(low, high)


def has_interval(row: Row, name: str) -> bool:
    """Whether both ends are known."""
    return known(row.get(f"{name}_low")) is not None and known(row.get(f"{name}_high")) is not None


def group_of(row: Row, keys: Iterable[str]) -> str:
    """Name the group of a row as SQL would find it: ``channel=north, month=2024-03``."""
    return ", ".join(f"{key}={row[key]}" for key in keys if row.get(key) is not None)


def _decimals(value: float) -> int:
    size = abs(value)
    return 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2 if size >= 0.1 else 3
