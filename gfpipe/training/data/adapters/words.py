"""How data sets spell their labels."""

import math
import re
from typing import Final

from gfpipe.attributes.spec import FEMALE, MALE

OLDEST: Final = 116  # the oldest face of UTKFace; beyond it lie typing errors
_GENDERS: Final = dict.fromkeys(("1", "f", "female", "woman", "women"), FEMALE) | dict.fromkeys(
    ("0", "m", "male", "man", "men"), MALE
)
_PARTS: Final = (
    dict.fromkeys(("train", "training"), "train")
    | dict.fromkeys(("val", "valid", "validation", "dev"), "validation")
    | dict.fromkeys(("test", "testing"), "test")
)
_UNSAID: Final = frozenset({"", "-", "?", "none", "nan", "na", "n/a", "null", "unknown"})
_ETHNICITIES: Final = {"latino hispanic": "latino", "others": "other"}

_NUMBER: Final = r"(\d+(?:\.\d+)?)"
_BAND: Final = re.compile(rf"\(?\s*{_NUMBER}\s*(?:-|–|,|to)\s*{_NUMBER}\s*\)?")
_OPEN: Final = re.compile(rf"(?:more than|over)\s*{_NUMBER}|{_NUMBER}\s*\+")
_OPEN_YEARS: Final = 5.0  # a band without an end has no middle: as much as half a band of ten years


def perceived_gender(text: str) -> str | None:
    """``female`` or ``male``; None for any other word. Of numbers, 1 is female and 0 male, as in UTKFace."""
    return _GENDERS.get(text.strip().casefold().removesuffix(".0"))


def part(text: str) -> str | None:
    """``train``, ``validation`` or ``test``; None where nothing is said.

    Raises:
        ValueError: another word.
    """
    word = text.strip().casefold()
    if word in _UNSAID:
        return None
    if word not in _PARTS:
        raise ValueError(f"{text!r} is none of train, validation, test")
    return _PARTS[word]


def age(text: str) -> float | None:
    """Years: ``31``, or the middle of ``(25, 32)``, ``20-29``; five above the start of ``70+`` and ``more than 70``.

    Raises:
        ValueError: neither a number nor a band, or older than anybody.
    """
    word = text.strip().casefold()
    if word in _UNSAID:
        return None
    if band := _BAND.fullmatch(word):
        years, end = float(band[1]), float(band[2])
        if end < years:
            raise ValueError(f"age {text!r} ends before it begins")
        years = (years + end) / 2
    elif above := _OPEN.fullmatch(word):
        years = float(above[1] or above[2]) + _OPEN_YEARS
    else:
        years = _number(text)
    if not 0 <= years <= OLDEST:
        raise ValueError(f"age {text!r} is not from 0 to {OLDEST}")
    return years


def ethnicity(text: str) -> str | None:
    """The word in lower case, without underscores; None where nothing is said."""
    word = text.strip().casefold().replace("_", " ")
    return None if word in _UNSAID else _ETHNICITIES.get(word, word)


def _number(text: str) -> float:
    try:
        years = float(text)
    except ValueError:
        years = math.nan
    if math.isnan(years):
        raise ValueError(f"age {text!r} is neither a number nor a band such as 20-29")
    return years
