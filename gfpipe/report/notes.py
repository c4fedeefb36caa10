"""Texts of the warehouse for readers: ways of counting, and why a figure has no interval or correction."""

import re
from typing import Final

from gfpipe.report.language import N_, _, text

_NOTES: Final = {
    r"fewer than (?P<least>\d+) recordings": N_("fewer than {least} recordings"),
    r"nothing was analysed": N_("nothing was analysed"),
    r"recordings of several models.*": N_("recordings of several models"),
    r"no labels.*": N_("nobody has labelled faces of these broadcasts yet"),
    r"no face": N_("no face was found"),
    r"too few labels.*": N_("too few faces of these broadcasts are labelled"),
    r"the classifier is too inaccurate.*": N_("the classifier errs too often on some faces"),
    r"no picture was marked whole": N_("in no picture have all faces been marked"),
    r"no woman was marked": N_("no woman has been marked"),
    r"no man was marked": N_("no man has been marked"),
    r"no face of one of them was found": N_("no face of one of them was found"),
}
_VARIANTS: Final = (
    N_("as published"),
    N_("every 2nd sample"),
    N_("every 5th sample"),
    N_("faces from 36 lines"),
    N_("faces from 48 lines"),
    N_("all faces found"),
    N_("undecided: none"),
    N_("undecided: 0.3-0.7"),
    N_("over tracks"),
)


def variant(name: str) -> str:
    """A way of counting, a name in `sensitivity_overall`, in the language of the page."""
    return _(name) if name in _VARIANTS else name


def for_readers(note: str) -> str:
    """A note of the warehouse in the language of the page, without commands."""
    for pattern, message in _NOTES.items():
        if found := re.fullmatch(pattern, note):
            return text(message, **found.groupdict())
    return note
