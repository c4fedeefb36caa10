"""The filter that all views share; it stands in the address."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, Final, Self
from urllib.parse import urlencode

from gfpipe.errors import UsageError
from gfpipe.estimates.question import Question

_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "since": date.fromisoformat,
    "until": date.fromisoformat,
    "weekday": lambda text: _number(text, 1, 7),
    "hour": lambda text: _number(text, 0, 23),
}
_PERIODS: Final = ("date", "week", "month", "year")
_EXPECTED: Final = {
    "since": "a day such as 2024-03-31",
    "until": "a day such as 2024-03-31",
    "weekday": "1 (Monday) to 7",
    "hour": "0 to 23",
}


@dataclass(frozen=True)
class Filter:
    """Which recordings and hours are shown; None does not restrict.

    Attributes:
        genre: a class of programmes, from the table of programmes that the page was started with.
        since, until: first and last day.
        weekday: 1 (Monday) to 7.
        hour: of the day, local time.
    """

    channel: str | None = None
    programme: str | None = None
    genre: str | None = None
    since: date | None = None
    until: date | None = None
    weekday: int | None = None
    hour: int | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """Read a filter from the parameters of an address; empty ones do not restrict. A period stands for its days.

        Raises:
            UsageError: a value is not valid.
        """
        values: dict[str, Any] = {}
        for name in (field.name for field in fields(cls)):
            if text := query.get(name, "").strip():
                try:
                    values[name] = _PARSERS.get(name, str)(text)
                except ValueError as exc:
                    raise UsageError(f"{name}={text}: is not {_EXPECTED[name]}") from exc
        given = cls(**values)
        for by in _PERIODS:  # as the report names groups
            if text := query.get(by, "").strip():
                try:
                    given = given.within(by, text)
                except ValueError as exc:
                    raise UsageError(f"{by}={text}: is not a {by}") from exc
        return given

    def address(self, path: str, **more: object) -> str:
        """A path of the page with this filter and further parameters; `more` may replace parts of the filter."""
        values = {**vars(self), **more}
        query = urlencode({name: value for name, value in values.items() if value not in (None, "")})
        return f"{path}?{query}" if query else path

    def bound(self, genres: Mapping[str, frozenset[str]]) -> dict[str, Any]:
        """The parameter ``$filter`` of the questions in ``sql/questions/view``; `genres` has the programmes of each."""
        values = vars(self) | {"programmes": self._programmes(genres)}
        return {name: value for name, value in values.items() if name not in ("programme", "genre")}

    def question(self, genres: Mapping[str, frozenset[str]], by: tuple[str, ...] = ()) -> Question:
        """The question with the same filter."""
        only = {"programme": self._programmes(genres), "weekday": self.weekday, "hour": self.hour}
        return Question(
            by=by,
            since=self.since,
            until=self.until,
            only_channels=(self.channel,) if self.channel else (),
            only=tuple(
                (name, tuple(map(str, value if isinstance(value, list) else [value])))
                for name, value in only.items()
                if value is not None
            ),
        )

    def within(self, by: str, name: object) -> Self:
        """The filter restricted to one group of a column; the same if it cannot be restricted to it."""
        if by in _PERIODS:
            return self.in_days(*_days(by, str(name)))
        if by not in vars(self):
            return self
        value: Any = int(str(name)) if by in ("weekday", "hour") else name
        return replace(self, **{by: value})

    def command(self, lake: str) -> str:
        """The command that opens the page with this filter."""
        options = [
            word for name, value in vars(self).items() if value is not None for word in (f"--{name}", str(value))
        ]
        return shlex.join(["gfpipe", "view", "--lake", lake, *options])

    def in_days(self, first: date, last: date) -> Self:
        """The same in these days."""
        return replace(self, since=first, until=last)

    def _programmes(self, genres: Mapping[str, frozenset[str]]) -> list[str] | None:
        if self.genre is None:
            return None if self.programme is None else [self.programme]
        return sorted(name for name in genres.get(self.genre, ()) if self.programme in (None, name))


def _days(by: str, name: str) -> tuple[date, date]:
    """First and last day of a date, an ISO week such as 2024-W09, a month or a year."""
    if by == "date":
        return date.fromisoformat(name), date.fromisoformat(name)
    if by == "week":
        first = date.fromisoformat(f"{name}-1")
        return first, first + timedelta(days=6)
    if by == "year":
        return date(int(name), 1, 1), date(int(name), 12, 31)
    first = date.fromisoformat(f"{name}-01")
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _number(text: str, first: int, last: int) -> int:
    number = int(text) if text.isascii() and len(text) < 3 else -1
    if not first <= number <= last:
        raise ValueError(text)
    return number
