"""Proposes a path pattern for the files of an archive."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePath, PurePosixPath
from typing import Final

from gfpipe.archive import folder
from gfpipe.archive.pattern import Pattern
from gfpipe.base.files import as_text
from gfpipe.choices import DEFAULT_PATTERN

SAMPLE: Final = 20  # files that are looked at

_DATE: Final = r"(?<!\d)(?:19|20)\d\d([-_.]?)(?:0[1-9]|1[0-2])\1[0-3]\d"
_TIME: Final = r"[0-2]\d(?:h[0-5]\d(?:m[0-5]\d)?|(?P<sep>[-_.:]?)[0-5]\d(?:(?P=sep)[0-5]\d)?)(?!\d)"
_PARTS: Final = {"year": r"(?:19|20)\d\d", "month": r"0[1-9]|1[0-2]", "day": r"[0-3]\d"}
_SEPARATORS: Final = "-_. @"


@dataclass(frozen=True)
class Proposal:
    """A pattern, and how many of the sampled paths fit it."""

    pattern: str
    fits: int
    sampled: int


def propose(archive: str | Path) -> Proposal | None:
    """The pattern that most of twenty files of a folder fit; None if there are no media files, or none fits any."""
    root = as_text(str(Path(archive).expanduser().absolute()))
    files = [PurePath(path).relative_to(root).as_posix() for path in folder.scan(root).files]
    if not files:
        return None
    sample = files[:: max(1, len(files) // SAMPLE)][:SAMPLE]
    candidates = dict.fromkeys([DEFAULT_PATTERN, *(text for path in sample for text in _candidates(path))])
    fits = {text: sum(Pattern(text).match(path) is not None for path in sample) for text in candidates}
    best = max(fits, key=lambda text: fits[text])  # the first of equal ones
    return Proposal(best, fits[best], len(sample)) if fits[best] else None


def _candidates(path: str) -> Iterator[str]:
    """Patterns that a path fits, the most informative first."""
    *folders, name = PurePosixPath(path).parts
    choices = [list(_folder(part)) for part in folders]
    for above in product(*choices):
        fields = [field for field in above if field.startswith("{")]
        named = "/".join(above)
        if named.count("{channel}") > 1:
            continue
        dated = "{date}" in fields or {"{year}", "{month}", "{day}"} <= set(fields)
        for stem in _stems(PurePosixPath(name).stem, has_channel="{channel}" in named, has_date=dated):
            text = "/".join(filter(None, (named, f"{stem}.{{ext}}")))
            if "{channel}" in text and (dated or "{date}" in text):
                yield text


def _folder(part: str) -> Iterator[str]:
    if re.fullmatch(_DATE, part):
        yield "{date}"
    for field, expression in _PARTS.items():
        if re.fullmatch(expression, part):
            yield f"{{{field}}}"
    yield "{channel}"
    yield "{any}"


def _stems(stem: str, *, has_channel: bool, has_date: bool) -> Iterator[str]:
    """Patterns of a file name without its ending."""
    date = re.search(_DATE, stem)
    if has_date:
        moments = [("{time}", match.span()) for match in [re.match(_TIME, stem)] if match]
    elif date is None:
        return
    else:
        time = re.match(rf"(?:[-_. T@]|_-_| - )?(?={_TIME})", stem[date.end() :])
        between = time[0] if time else ""
        length = re.match(_TIME, stem[date.end() + len(between) :]) if time else None
        text = "{date}" + (f"{between}{{time}}" if length else "")
        moments = [(text, (date.start(), date.end() + (len(between) + length.end() if length else 0)))]
    for text, (begin, end) in [*moments, *([("", (0, 0))] if has_date else [])]:
        for before, after in product(_texts(stem[:begin], has_channel), _texts(stem[end:], has_channel)):
            found = before + text + after
            if all(found.count(field) <= 1 for field in ("{channel}", "{programme}")):
                yield found


def _texts(text: str, has_channel: bool) -> Iterator[str]:
    """Fields for what stands before or after the moment in a name, with the separators beside it."""
    if not text:
        yield ""
        return
    core = text.strip(_SEPARATORS)
    if not core:
        yield text
        return
    lead, trail = text[: text.index(core)], text[text.index(core) + len(core) :]
    if has_channel:
        yield from (f"{lead}{name}{trail}" for name in ("{programme}", "{any}"))
        return
    names = ["{channel}", "{programme}", "{any}"]
    if split := re.search(r" - |_|-| ", core):
        pairs = [f"{{channel}}{split[0]}{{programme}}", f"{{programme}}{split[0]}{{channel}}"]
        names = [*pairs, *names] if split[0] == " - " else [*names, *pairs]
    yield from (f"{lead}{name}{trail}" for name in names)
