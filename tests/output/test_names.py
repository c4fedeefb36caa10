"""Names are one line of text, whatever they contain."""

import string

import pytest

from gfpipe.output import names, overview
from gfpipe.recording import Rejected
from tests.fixtures.hostile import HOSTILE


@pytest.mark.parametrize("name", HOSTILE)
def test_hidden_characters_are_written_out(name: str) -> None:
    assert names.line(name) == HOSTILE[name]
    assert names.line(names.line(name)) == names.line(name)


@pytest.mark.parametrize(
    "name", ["ZDF · Söhne’s “late” talk", "tagesschau_20-15 (1) #2", "ニュース 👩‍👩‍👧", "שלום\u200f!", "e\u0301"]
)
def test_usual_names_of_any_script_stay_as_they_are(name: str) -> None:
    assert names.line(name) == name


def test_bytes_that_are_no_text_are_written_out() -> None:
    assert names.line("caf\udce9") == r"caf\udce9"


def test_lines_of_a_message_stay_lines() -> None:
    assert names.lines("one\ntwo\x1b[2J") == "one\ntwo\\x1b[2J"


def test_markdown_has_no_markup() -> None:
    text = names.markdown(string.punctuation)
    assert text.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\") == string.punctuation
    assert names.code("a`b_c") == r"a\`b\_c"
    assert names.code("a_b") == "`a_b`"


@pytest.mark.parametrize("name", HOSTILE)
def test_each_problem_is_one_entry(name: str) -> None:
    entry = overview.problems([Rejected(f"/tv/{name}", "not a <b>date</b>", name, name)], [])
    assert entry.count("\n") == 3  # a line, an empty one, the path, and the end
    assert "<" not in entry.replace("\\<", "").replace(f"`/tv/{names.line(name)}`", "")
