"""Numbers as HTML elements that carry their exact value.

    <data value="0.41327" data-unit="%" data-name="share_female_face_time" data-group="channel=north">41.3 %</data>

`data-unit="%"` marks a text that is 100 times `value`.
"""

import re
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Any, Final
from urllib.parse import urlencode

from markupsafe import Markup, escape

from gfpipe.output.formats import PERCENT, UNKNOWN, Format, known
from gfpipe.report import language
from gfpipe.report.language import _, say

Row = Mapping[str, Any]

ALL: Final = "all"
_NUMBER: Final = re.compile(r'<data [^>]*data-name="([^"]*)" data-group="([^"]*)">[^<]*</data>')
_KEY: Final = re.compile(r"(?:^|, )(channel|programme|date|week|month|year|weekday|hour)=")


def number(row: Row, name: str, form: Format, group: str = ALL, unit: bool = True) -> Markup:
    """One value of a row; a dash if it is missing or not finite."""
    value = known(row.get(name))
    return escape(UNKNOWN) if value is None else element(value, name, form, group, unit)


def element(value: float, name: str, form: Format, group: str = ALL, unit: bool = True) -> Markup:
    """A number that belongs to no row."""
    exact = repr(int(value)) if value.is_integer() else repr(value)
    scale = ' data-unit="%"' if form.unit == "%" else ""
    shown = language.number(value, form, unit)
    return Markup(  # noqa: S704 - names and texts are ours; tens of thousands of elements, so no Markup.format
        f'<data value="{exact}"{scale} data-name="{name}" data-group="{escape(group)}">{shown}</data>'
    )


def interval(row: Row, name: str, form: Format, group: str = ALL) -> Markup:
    """Both ends of an interval, the unit after the second; empty if there is no interval."""
    if not has_interval(row, name):
        return Markup()
    low = number(row, f"{name}_low", form, group, unit=False)
    high = number(row, f"{name}_high", form, group)
    return Markup('<span class="interval">{}–{}</span>').format(low, high)


def share(row: Row, name: str, keys: Iterable[str]) -> Markup:
    """A share with its interval, or the remark that it has none."""
    group = group_of(row, keys) or ALL
    ends = interval(row, name, PERCENT, group)
    return say("{value} ({interval})", value=number(row, name, PERCENT, group), interval=ends or _("no interval"))


def share_text(row: Row, name: str) -> str:
    """As :func:`share`, as text."""
    return str(share(row, name, ()).striptags())


def has_interval(row: Row, name: str) -> bool:
    """Whether a value and both ends of its interval are known."""
    return all(known(row.get(f"{name}{end}")) is not None for end in ("", "_low", "_high"))


def group_of(row: Row, keys: Iterable[str]) -> str:
    """The group of a row, as in SQL: ``channel=north, month=2024-03``."""
    return ", ".join(f"{key}={row[key]}" for key in keys if row.get(key) is not None)


def linked(html: str, view: str, narrowed: Mapping[str, object]) -> str:
    """The page with a link at each number to the recordings behind it in ``gfpipe view``.

    Args:
        html: the page.
        view: address of the view.
        narrowed: parameters of the view that hold for the whole page, such as ``since``; None is omitted.
    """

    def link(match: re.Match[str]) -> str:
        name, group = unescape(match[1]), unescape(match[2])
        _, *parts = _KEY.split(group)
        keys = {**narrowed, **dict(zip(parts[::2], parts[1::2], strict=True))}
        query = urlencode({key: value for key, value in keys.items() if value is not None})
        page = "" if "coverage" in name or "hours" in name else "faces"
        address = f"{view}/{page}?{query}".rstrip("?")
        return f'<a class="view" href="{escape(address)}">{match[0]}</a>'

    return _NUMBER.sub(link, html)
