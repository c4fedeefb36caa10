"""Path patterns such as ``{channel}/{date}/{time}_{programme}.{ext}``."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from gfpipe.errors import UsageError
from gfpipe.tables.times import clock_time

# Regular expressions of the fields; 20:00 may be written as 2000, 20-00, 20h00 or 200000. What is between the numbers
# is the same throughout: 2000_24_heures is no 20:00:24.
_FIELDS: Final = {
    "channel": r"[^/]+?",
    "programme": r"[^/]+?",
    "date": r"\d{4}(?P<of_date>[-_.]?)\d{2}(?P=of_date)\d{2}",
    "time": r"\d{2}(?:h\d{2}(?:m\d{2})?|(?P<of_time>[-_.:]?)\d{2}(?:(?P=of_time)\d{2})?)",
    "year": r"\d{4}",
    **dict.fromkeys(("month", "day", "hour", "minute", "second"), r"\d{2}"),
    "part": r"\d{1,9}",
    "ext": r"[^/.]+",
    "any": r"[^/]*?",
}


@dataclass(frozen=True)
class Match:
    """Fields of a matching path."""

    channel: str
    programme: str  # empty if the pattern has none
    start: datetime  # without a time zone
    part: int | None = None  # of the recording


@dataclass(frozen=True)
class Pattern:
    """A path pattern with the fields channel, programme, date, time, year … second, part, ext and any.

    Raises:
        UsageError: a field is unknown, or channel or date is missing.
    """

    text: str

    def __post_init__(self) -> None:
        fields = set(re.findall(r"\{(.*?)\}", self.text))
        if unknown := sorted(fields - set(_FIELDS)):
            known = ", ".join(f"{{{field}}}" for field in _FIELDS)
            raise UsageError(f"pattern {self.text!r}: unknown field {{{unknown[0]}}}; known are {known}")
        if "channel" not in fields or not ("date" in fields or {"year", "month", "day"} <= fields):
            raise UsageError(f"pattern {self.text!r}: needs {{channel}} and {{date}} (or {{year}}, {{month}}, {{day}})")

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        seen: set[str] = set()

        def expression(token: str) -> str:
            if not token.startswith("{"):
                return re.escape(token)
            field = token[1:-1]
            if field == "any":
                return f"(?:{_FIELDS[field]})"
            if field in seen:  # repeated fields must agree
                return f"(?P={field})"
            seen.add(field)
            return f"(?P<{field}>{_FIELDS[field]})"

        return re.compile("".join(map(expression, re.split(r"(\{.*?\})", self.text))))

    def match(self, path: str) -> Match | None:
        """Match a path relative to the archive, with forward slashes; None without a match or with an invalid date.

        25:30 is 01:30 of the next day. Names are in the normal form NFC, as file systems spell accents differently.
        """
        if (match := self._regex.fullmatch(path)) is None:
            return None
        fields = {name: text or "" for name, text in match.groupdict().items()}
        date, time = (
            re.sub(r"\D", "", fields.get(name, "")) or "".join(fields.get(key, "") for key in keys)
            for name, keys in (("date", ("year", "month", "day")), ("time", ("hour", "minute", "second")))
        )
        try:
            clock = clock_time(*(int(time.ljust(6, "0")[place : place + 2]) for place in (0, 2, 4)))
            start = datetime.strptime(date, "%Y%m%d") + clock  # noqa: DTZ007 - the manifest adds the zone
        except ValueError:
            return None
        channel, programme = (unicodedata.normalize("NFC", fields.get(name, "")) for name in ("channel", "programme"))
        part = fields.get("part")
        return Match(channel, programme, start, int(part) if part else None)
