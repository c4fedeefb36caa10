"""Names of files, channels and programmes as text: whatever they contain, nothing is run, hidden or shown elsewhere."""

import re
import unicodedata
from typing import Final

# They change the order of what follows them (UAX #9), so that "gpj.exe" may read as "exe.jpg".
_DIRECTIONS: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_BREAKS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, halves of characters, line and paragraph separators
_MARKUP: Final = re.compile(r"([\\`*_\[\]()<>#!|~&@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)  # with GitHub's autolinks


def line(text: str) -> str:
    """Text in one line; characters that a terminal or page does not show are written as in Python."""
    return "".join(_escaped(character) if _is_hidden(character) else character for character in text)


def lines(text: str) -> str:
    """As :func:`line`, of each line."""
    return "\n".join(map(line, text.split("\n")))


def markdown(text: str) -> str:
    """Text in one line for Markdown, in which nothing is a link, a picture, HTML or emphasis."""
    return _MARKUP.sub(r"\\\1", line(text))


def code(text: str) -> str:
    """Text in one line as code for Markdown."""
    return markdown(text) if "`" in text else f"`{line(text)}`"


def _is_hidden(character: str) -> bool:
    return character in _DIRECTIONS or unicodedata.category(character) in _BREAKS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
