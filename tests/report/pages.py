"""Parses numbers, ids and text from the report's HTML."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

MINUS = "\N{MINUS SIGN}"


@dataclass
class Number:
    """One `<data>` element."""

    name: str
    group: str
    value: float
    percent: bool
    text: str = ""

    @property
    def shown(self) -> float:
        """The number that people read."""
        return float(re.sub(r"[^0-9.\-]", "", self.text.replace(MINUS, "-")))

    @property
    def half_a_digit(self) -> float:
        """By how much rounding may change it."""
        digits = re.sub(r"[^0-9.]", "", self.text)
        return 0.5 * 10.0 ** -len(digits.partition(".")[2])

    @property
    def is_rounded(self) -> bool:
        """Whether what is shown is the value, rounded."""
        scaled = self.value * 100 if self.percent else self.value
        return abs(self.shown - scaled) <= self.half_a_digit + 1e-9


@dataclass
class Page(HTMLParser):
    """Reads numbers, ids, attributes and visible text."""

    html: str
    numbers: list[Number] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: Number | None = None
        self._silent = False
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if identity := given.get("id"):
            self.ids.append(identity)
        self._silent = tag in {"style", "script"}
        if tag == "data":
            name, group, value = (given[key] or "" for key in ("data-name", "data-group", "value"))
            self._open = Number(name, group, float(value), given.get("data-unit") == "%")
            self.numbers.append(self._open)

    def handle_endtag(self, tag: str) -> None:
        self._silent = False
        if tag == "data":
            self._open = None

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text += data
        if self._open:
            self._open.text += data

    def of(self, name: str, group: str) -> set[float]:
        """All values that the page gives for one name and group; a page at peace with itself has one."""
        return {number.value for number in self.numbers if (number.name, number.group) == (name, group)}
