"""Text in CSV files that spreadsheets would run as a formula: an apostrophe before it, which gfpipe removes again.

Source: OWASP, CSV injection.
"""

import re
from typing import Final

STARTS: Final = "'*[=+\\-@＝＋－＠\\t\\r\\n]."  # of a formula, after apostrophes
NUMBER: Final = "[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?"
_FORMULA: Final = re.compile(STARTS, re.DOTALL)
_GUARDED: Final = re.compile(f"'{STARTS}", re.DOTALL)


def guarded(text: str) -> str:
    """Text that no spreadsheet runs; numbers stay numbers."""
    return f"'{text}" if _FORMULA.match(text) and not re.fullmatch(NUMBER, text) else text


def unguarded(text: str) -> str:
    """The text that `guarded` was given."""
    return text[1:] if _GUARDED.match(text) else text
