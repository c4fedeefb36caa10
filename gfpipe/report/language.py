"""The language of a page: its sentences, numbers and dates.

Messages are English in the code and translated in ``locale/<language>.po``. :func:`speaking` selects the language of
all that is written within it.
"""

import gettext
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any, Final

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup

from gfpipe.choices import Language
from gfpipe.output.formats import COUNT, UNKNOWN, Format, known

_LOCALES: Final = {Language.EN: "en_GB"}  # others are named as the language
_NO_BREAK_SPACE: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Speech:
    """A language with its messages and formats."""

    language: Language
    locale: Locale
    messages: gettext.NullTranslations

    @property
    def percent(self) -> str:
        """What follows a number of per cent; English as in the international system of units."""
        return "%" if self.language is Language.JA else f"{_NO_BREAK_SPACE}%"

    @property
    def space(self) -> str:
        """What stands between sentences."""
        return "" if self.language is Language.JA else " "

    @property
    def separators(self) -> dict[str, str]:
        """The decimal separator and that of thousands."""
        symbols = self.locale.number_symbols["latn"]
        return {"decimal": symbols["decimal"], "thousands": symbols["group"]}


@cache
def _speech(language: Language) -> Speech:
    locale = Locale.parse(_LOCALES.get(language, language))
    if language is Language.EN:
        return Speech(language, locale, gettext.NullTranslations())
    with files("gfpipe.report").joinpath(f"locale/{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Speech(language, locale, gettext.GNUTranslations(compiled))


_current: ContextVar[Language] = ContextVar("language", default=Language.EN)


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Write in this language."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Speech:
    """The language in use."""
    return _speech(_current.get())


def N_(message: str) -> str:  # noqa: N802 - gettext's name
    """Mark a message that is translated where it is used."""
    return message


def _(message: str) -> str:
    """A message in the language in use."""
    return current().messages.gettext(message)


def text(message: str, **parts: object) -> str:
    """A message as text, with its parts."""
    return _(message).format(**parts)


def say(message: str, **parts: object) -> Markup:
    """A message as HTML, with its parts; those that are no HTML are escaped."""
    return Markup(_(message)).format(**parts)  # noqa: S704 - messages and translations are ours


def say_n(one: str, many: str, count: int, /, **parts: object) -> Markup:
    """A message about a number of things; ``{count}`` is the number unless it is among the parts."""
    message = current().messages.ngettext(one, many, count)
    return Markup(message).format(**{"count": number(count, COUNT)} | parts)  # noqa: S704 - as above


def number(value: Any, form: Format, unit: bool = True) -> str:
    """A number with the separators of the language; a dash if it is missing or not finite."""
    if known(value) is None:
        return UNKNOWN
    speech = current()
    digits = form.text(value, unit=False).translate(_translation(speech.language))
    return digits + (speech.percent if unit and form.unit == "%" else "")


def joined(sentences: Iterable[Markup]) -> Markup:
    """Sentences one after another; empty ones are dropped."""
    return Markup(current().space).join(filter(None, sentences))  # noqa: S704 - ours


def listed(names: Iterable[str], most: int = 6) -> Markup:
    """Names, of which the first `most` are written and the others counted."""
    names = list(names)
    shown = Markup(_(", ")).join(names[:most])  # noqa: S704 - ours
    more = len(names) - most
    return shown if more <= 0 else say_n("{names} and {count} more", "{names} and {count} more", more, names=shown)


@cache
def _translation(language: Language) -> dict[int, str]:
    separators = _speech(language).separators
    return str.maketrans({",": separators["thousands"], ".": separators["decimal"]})
