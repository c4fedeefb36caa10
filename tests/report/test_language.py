"""The page in other languages: complete, with the plural forms, numbers, dates and typography of each."""

import re
import string
from datetime import date
from functools import cache

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from gfpipe.choices import Language
from gfpipe.output.formats import COUNT, HOURS, PERCENT
from gfpipe.report import language, periods
from gfpipe.report.language import listed, say_n, speaking
from gfpipe.report.page import render
from tests.conftest import ROOT
from tests.report import examples
from tests.report.pages import Page

REPORT = ROOT / "gfpipe/report"
TRANSLATED = [each for each in Language if each is not Language.EN]
KEYWORDS = {"_": None, "N_": None, "say": None, "text": None, "say_n": (1, 2), "_of": (3, 4)}
SPACE, NARROW = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"


@cache
def used() -> set[object]:
    """Every message of the code and templates; pairs of singular and plural as tuples."""
    methods = [("**.py", "python"), ("**.jinja", "jinja2.ext:babel_extract")]
    found = extract_from_dir(REPORT, methods, keywords=KEYWORDS)
    return {message if isinstance(message, str) else tuple(message[:2]) for _, _, message, _, _ in found}


@cache
def catalogue(tongue: Language) -> Catalog:
    with (REPORT / f"locale/{tongue}.po").open("rb") as file:
        return read_po(file, locale=str(tongue))


@pytest.mark.parametrize("tongue", TRANSLATED)
def test_every_message_is_translated_and_none_is_left_over(tongue: Language) -> None:
    known = {message.id for message in catalogue(tongue) if message.id}
    assert len(used()) > 200
    assert known == used()
    for message in catalogue(tongue):
        forms = _forms(message)
        assert all(forms), message.id
        assert not message.fuzzy
        if not isinstance(message.id, str):
            assert len(forms) == catalogue(tongue).num_plurals


@pytest.mark.parametrize("tongue", TRANSLATED)
def test_translations_have_the_parts_and_elements_of_the_message(tongue: Language) -> None:
    for message in catalogue(tongue):
        if not message.id:
            continue
        original = message.id if isinstance(message.id, str) else message.id[1]
        for form in _forms(message):
            assert _parts(form) == _parts(original), original
            assert re.findall(r"</?\w+>", form) == re.findall(r"</?\w+>", original)


@pytest.mark.parametrize("tongue", TRANSLATED)
def test_typography_is_that_of_the_language(tongue: Language) -> None:
    for message in catalogue(tongue):
        for form in _forms(message):
            plain = re.sub(r"<[^>]+>|\{\w+\}", "x", form)
            if not message.id:
                continue
            if tongue is Language.FR:
                assert not re.search(rf"(?<![{SPACE}{NARROW}])[;:!?»%]", plain), form
                assert not re.search(rf"«(?!{SPACE})", plain), form
            if tongue in {Language.DE, Language.ES}:
                assert not re.search(rf"[0-9x] %|(?<=[0-9])%|{SPACE}[;:]", plain), form
            if tongue is Language.JA:
                assert not re.search(r"[\u3040-\u30ff\u4e00-\u9fff] | [\u3040-\u30ff\u4e00-\u9fff]", form), form
                assert not re.search(r"[,;:()“”]", plain), form
            if tongue is Language.DE:
                assert form.count("„") == form.count("“"), form


@pytest.mark.parametrize(
    ("tongue", "share", "hours", "count", "day", "month"),
    [
        (Language.EN, f"41.3{SPACE}%", "12,346", "1,200", "7 March 2024", "March 2024"),
        (Language.FR, f"41,3{SPACE}%", f"12{NARROW}346", f"1{NARROW}200", "7 mars 2024", "mars 2024"),
        (Language.DE, f"41,3{SPACE}%", "12.346", "1.200", "7. März 2024", "März 2024"),
        (Language.ES, f"41,3{SPACE}%", "12.346", "1.200", "7 de marzo de 2024", "marzo de 2024"),
        (Language.JA, "41.3%", "12,346", "1,200", "2024年3月7日", "2024年3月"),
    ],
)
def test_numbers_and_dates_follow_the_language(
    tongue: Language, share: str, hours: str, count: str, day: str, month: str
) -> None:
    when = date(2024, 3, 7)
    with speaking(tongue):
        assert language.number(0.41327, PERCENT) == share
        assert language.number(12345.6, HOURS) == hours
        assert language.number(1200, COUNT) == count
        assert periods.day(when) == day
        assert periods.name(when, "month") == month
    assert language.number(0.41327, PERCENT) == f"41.3{SPACE}%"


@pytest.mark.parametrize(
    ("tongue", "said"),
    [
        (Language.EN, ("0 programmes", "1 programme", "2 programmes")),
        (Language.FR, ("0 autre émission", "1 autre émission", "2 autres émissions")),
        (Language.DE, ("0 weitere Sendungen", "1 weitere Sendung", "2 weitere Sendungen")),
        (Language.JA, ("0番組", "1番組", "2番組")),
    ],
)
def test_plurals_follow_the_language(tongue: Language, said: tuple[str, ...]) -> None:
    one = "And {count} more programme with {hours} hours."
    many = "And {count} more programmes with {hours} hours in total."
    with speaking(tongue):
        for count, words in enumerate(said):
            text = say_n(one, many, count, hours="5")
            assert words in text.replace(" more", "")


def test_names_are_listed_and_the_rest_is_counted() -> None:
    names = [f"<{letter}>" for letter in string.ascii_lowercase[:8]]
    assert listed(names[:2]) == "&lt;a&gt;, &lt;b&gt;"
    assert listed(names, most=6).endswith("&lt;f&gt; and 2 more")
    with speaking(Language.JA):
        assert listed(names, most=1) == "&lt;a&gt;、ほか7件"


@pytest.mark.slow
@pytest.mark.parametrize("tongue", TRANSLATED)
def test_a_page_has_no_words_of_another_language(tongue: Language) -> None:
    """English is left in names only: those of models and ways of counting that the project does not have."""
    contents = examples.large(channels=3, months=8, programmes=60)
    html = render(contents, tongue)
    page = Page(html)
    assert f'<html lang="{tongue}">' in html
    assert all(number.value is not None for number in page.numbers)
    text = re.sub(
        r"Programme \d+ of the|channel \d+|Österreich Zwei \(regional programme of the west\)|CSV|without exclusions",
        "",
        page.text,
    )
    english = re.findall(r"\b(?:the|of|and|women|men|with|hours|share|recordings|weeks?|month|Monday|March)\b", text)
    assert english == []


def _forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def _parts(message: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name}
