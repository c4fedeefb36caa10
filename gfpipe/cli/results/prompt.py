"""The prompt of ``gfpipe sql``: statements end with a semicolon; words such as ``.tables`` are answered at once."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gfpipe.cli import console
from gfpipe.cli.results.output import OutputOptions, emit_result
from gfpipe.errors import GfpipeError, UsageError
from gfpipe.warehouse import Relation, Warehouse, relations, split_statements

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.history import History

_HELP: Final = """\
.tables           the tables and views to read, with what they hold
.describe NAME    the columns of one, with their units
.help, help       this text
.quit, Ctrl-D     ends

Statements end with a semicolon and may have several lines. Tab completes names; arrow up recalls statements.
Examples:
  from summary_by_channel;
  select channel, sum(analysed_seconds) / 3600 as hours from recordings group by channel;"""
_WORDS: Final = (".tables", ".describe", ".help", ".quit")
_ENDS: Final = frozenset({".quit", ".exit", "quit", "exit", "\\q"})
_KEYWORDS: Final = """
select from where group by order limit join using on as and or not distinct count sum avg min max round case when then
else end describe summarize with union all is null like between desc asc having filter
""".split()  # noqa: SIM905
_PATTERN: Final = re.compile(r"\w+(?:\.$)?")  # of a word, read backwards: a dot belongs to it at the start of a text
_SHOWN: Final = ("reports", "marts", "intermediate")  # groups of relations that .tables lists, in this order


class Prompt:
    """One session: statements and words, as typed or from standard input."""

    def __init__(self, db: Warehouse, to: OutputOptions) -> None:
        self._db, self._to = db, to
        self._relations: list[Relation] | None = None

    @property
    def relations(self) -> list[Relation]:
        """The relations of the warehouse, read once."""
        if self._relations is None:
            self._relations = [relation for relation in relations(self._db) if relation.kind != "macro"]
        return self._relations

    def answer(self, text: str) -> bool:
        """Answer a complete text; returns False if it ends the session.

        Raises:
            GfpipeError: a statement is not valid.
        """
        word, *names = text.strip().rstrip(";").split() or [""]
        if word.lower() in _ENDS:
            return False
        if word.startswith(".") or word.lower() == "help":
            self._answer_word(word.lower(), names)
            return True
        statements, rest = split_statements(text)
        for statement in [*statements, *([rest] if rest.strip() else [])]:
            emit_result(self._to, self._db.query(statement))
        return True

    def _answer_word(self, word: str, names: list[str]) -> None:
        if word == ".tables":
            rows = [
                {"name": relation.name, "holds": (relation.comment or "").partition(":")[0].partition(". ")[0]}
                for group in _SHOWN
                for relation in self.relations
                if relation.group == group
            ]
            console.table(rows, "Tables and views; .describe NAME shows columns")
        elif word == ".describe" and len(names) == 1:
            relation = self._named(names[0])
            console.output(relation.comment or "")
            rows = [
                {"column": column.name, "type": column.type, "is": column.comment or ""} for column in relation.columns
            ]
            console.table(rows, relation.name)
        elif word in (".help", "help"):
            console.output(_HELP)
        else:
            raise UsageError(
                f"{' '.join([word, *names])}: write {', '.join(_WORDS[:1])}, .describe NAME, .help or .quit"
            )

    def _named(self, name: str) -> Relation:
        found = next((relation for relation in self.relations if relation.name == name.lower().strip('"')), None)
        if found is None:
            raise UsageError(f"there is no table or view {name!r}; .tables lists them")
        return found


def answer_all(prompt: Prompt, lines: Iterable[str]) -> None:
    """Answer what a pipe or file contains, as if it were typed; the first error ends it."""
    for text in _complete(lines):
        if not prompt.answer(text):
            return


def run(prompt: Prompt, path: Path) -> None:
    """Ask at the terminal until ``.quit`` or Ctrl-D; Ctrl-C clears the input."""
    session = _session(prompt)
    console.say(f"{path}, read-only. Statements end with a semicolon; help, .tables, .describe NAME, .quit")
    while True:
        try:
            if not prompt.answer(session.prompt()):
                return
        except GfpipeError as exc:
            console.say(str(exc), "red")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def is_complete(text: str) -> bool:
    """Whether Enter ends the input: at a word, after a semicolon, or without text."""
    first = text.strip().partition(" ")[0].lower().rstrip(";")
    return not first or first.startswith(".") or first in {*_ENDS, "help"} or not split_statements(text)[1].strip()


def _complete(lines: Iterable[str]) -> Iterator[str]:
    text = ""
    for line in lines:
        text += line
        if is_complete(text):
            yield text
            text = ""
    if text.strip():
        yield text


def completer(prompt: Prompt) -> "Completer":
    """Completes names of relations and columns, shown with their descriptions, words and keywords."""
    from prompt_toolkit.completion import WordCompleter  # noqa: PLC0415

    meanings = {column.name: column.comment or "" for relation in prompt.relations for column in relation.columns}
    meanings |= {relation.name: relation.comment or "" for relation in prompt.relations}
    words = [*_WORDS, *sorted(meanings), *_KEYWORDS]
    return WordCompleter(words, ignore_case=True, meta_dict=dict(meanings), pattern=_PATTERN)


def _session(prompt: Prompt) -> "PromptSession[str]":
    from prompt_toolkit import PromptSession  # noqa: PLC0415 - the other uses do without it
    from prompt_toolkit.application import get_app  # noqa: PLC0415
    from prompt_toolkit.filters import Condition  # noqa: PLC0415

    return PromptSession(
        "gfpipe> ",
        multiline=Condition(lambda: not is_complete(get_app().current_buffer.text)),
        prompt_continuation="   ...> ",
        completer=completer(prompt),
        complete_while_typing=False,
        history=_history(),
    )


def _history() -> "History":
    """What was typed in earlier sessions, readable by this user only."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory  # noqa: PLC0415

    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    file = state / "gfpipe" / "sql_history"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(file))
