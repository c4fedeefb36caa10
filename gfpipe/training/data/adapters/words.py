"""Parses the spellings of labels in data sets."""

import math
import re
from typing import Final

from gfpipe.attributes.spec import FEMALE, MALE

OLDEST: Final = 116  # years; the oldest face of UTKFace, beyond which ages are errors
_GENDERS: Final = dict.fromkeys(("1", "f", "female", "woman", "women"), FEMALE) | dict.fromkeys(
    ("0", "m", "male", "man", "men"), MALE
)
_PARTS: Final = (
    dict.fromkeys(("train", "training"), "train")
    | dict.fromkeys(("val", "valid", "validation", "dev"), "validation")
    | dict.fromkeys(("test", "testing"), "test")
)
_UNKNOWN: Final = frozenset({"", "-", "?", "none", "nan", "na", "n/a", "null", "unknown"})
_ETHNICITIES: Final = {"latino hispanic": "latino", "others": "other"}

_NUMBER: Final = r"(\d+(?:\.\d+)?)"
_BAND: Final = re.compile(rf"\(?\s*{_NUMBER}\s*(?:-|–|,|to)\s*{_NUMBER}\s*\)?")
_OPEN: Final = re.compile(rf"(?:more than|over)\s*{_NUMBER}|{_NUMBER}\s*\+")
_OPEN_YEARS: Final = 5.0  # from the start of an open band to its age: half of ten years


def perceived_gender(text: str) -> str | None:
    """Return ``female`` or ``male``; None for any other word. 1 is female and 0 male, as in UTKFace."""
    return _GENDERS.get(text.strip().casefold().removesuffix(".0"))


def part(text: str) -> str | None:
    """Return ``train``, ``validation`` or ``test``; None if unknown, and ValueError for another word."""
    word = text.strip().casefold()
    if word in _UNKNOWN:
        return None
    if word not in _PARTS:
        raise ValueError(f"{text!r} is not train, validation or test")
    return _PARTS[word]


def age(text: str) -> float | None:
    """Return years: ``31``, or the middle of ``(25, 32)``, ``20-29``; 75 for ``70+`` and ``more than 70``.

    Raises:
        ValueError: neither a number nor a band, or not from 0 to 116.
    """
    word = text.strip().casefold()
    if word in _UNKNOWN:
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
    """Return the word in lower case, without underscores; None if unknown."""
    word = text.strip().casefold().replace("_", " ")
    return None if word in _UNKNOWN else _ETHNICITIES.get(word, word)


def _number(text: str) -> float:
    try:
        years = float(text)
    except ValueError:
        years = math.nan
    if math.isnan(years):
        raise ValueError(f"age {text!r} is neither a number nor a band such as 20-29")
    return years
