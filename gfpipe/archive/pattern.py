"""Reading what a path says of a recording: ``{channel}/{date}/{time}_{programme}.{ext}``."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from gfpipe.errors import UsageError

# What each field may hold. Digits are grouped loosely: archives write 20:00 as 2000, 20-00, 20h00 or 200000.
_FIELDS: Final = {
    "channel": r"[^/]+?",
    "programme": r"[^/]+?",
    "date": r"\d{4}[-_.]?\d{2}[-_.]?\d{2}",
    "time": r"\d{2}[-_.:h]?\d{2}(?:[-_.:m]?\d{2})?",
    "year": r"\d{4}",
    "month": r"\d{2}",
    "day": r"\d{2}",
    "hour": r"\d{2}",
    "minute": r"\d{2}",
    "second": r"\d{2}",
    "ext": r"[^/.]+",
    "any": r"[^/]*?",
}


@dataclass(frozen=True)
class Match:
    """What a path said."""

    channel: str
    programme: str
    start: datetime  # naive: a path carries no time zone


@dataclass(frozen=True)
class Pattern:
    """A path pattern; each field is one of channel, programme, date, time, year … second, ext, any.

    Raises:
        UsageError: an unknown field, or not enough fields to tell channel and day.
    """

    text: str

    def __post_init__(self) -> None:
        found = re.findall(r"\{(.*?)\}", self.text)
        for field in found:
            if field not in _FIELDS:
                raise UsageError(f"pattern {self.text!r}: unknown field {{{field}}}; known are {_known_fields()}")
        if "channel" not in found or not ("date" in found or {"year", "month", "day"} <= set(found)):
            raise UsageError(f"pattern {self.text!r}: needs {{channel}} and {{date}} (or {{year}}, {{month}}, {{day}})")

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        seen: set[str] = set()

        def piece(part: str) -> str:
            if not part.startswith("{"):
                return re.escape(part)
            field = part[1:-1]
            if field == "any":
                return f"(?:{_FIELDS[field]})"
            if field in seen:  # a field written twice must say the same twice
                return f"(?P={field})"
            seen.add(field)
            return f"(?P<{field}>{_FIELDS[field]})"

        return re.compile("".join(map(piece, re.split(r"(\{.*?\})", self.text))))

    def match(self, path: str) -> Match | None:
        """Read a path relative to the archive, with forward slashes; None where it does not fit or is no date."""
        found = self._regex.fullmatch(path)
        if found is None:
            return None
        part = found.groupdict()
        date = re.sub(r"\D", "", part.get("date") or "") or "".join(part[key] for key in ("year", "month", "day"))
        time = re.sub(r"\D", "", part.get("time") or "") or "".join(
            part.get(key) or "" for key in ("hour", "minute", "second")
        )
        try:
            start = datetime.strptime(date + time.ljust(6, "0"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - zone comes later
        except ValueError:
            return None
        return Match(part["channel"], part.get("programme") or part["channel"], start)


def _known_fields() -> str:
    return ", ".join(f"{{{field}}}" for field in _FIELDS)
