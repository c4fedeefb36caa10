"""SQL on the warehouse: one question from the command line, or a prompt."""

import sys
from pathlib import Path
from typing import Literal

from gfpipe import warehouse
from gfpipe.cli import console
from gfpipe.errors import GfpipeError, UsageError

_HELP = (
    """End a statement with a semicolon. \\d lists tables and views, \\d NAME its columns, \\q (or Ctrl-D) leaves."""
)
_LIST = """
select table_name as name, table_type as kind
from information_schema.tables
where table_catalog in ('gfpipe', 'temp') order by all
"""


Form = Literal["table", "csv", "json"]


def run(lake: str, command: str | None, form: Form, path: Path | None) -> None:
    """Answer ``command``, or every question typed until the end of input, as ``form`` or into a Parquet file.

    Raises:
        LakeError: the lake was never published.
        UsageError: the question cannot be answered, or a file format needs one and none was given.
    """
    with warehouse.open(lake) as house:
        if command is not None:
            _answer(house, command, form, path)
        elif not console.is_terminal():
            for statement in filter(str.strip, sys.stdin.read().split(";")):
                _answer(house, statement, form, path)
        elif path is not None:
            raise UsageError("--parquet needs a question: -c 'select …'")
        else:
            _prompt(house, form)


def _answer(house: warehouse.Warehouse, question: str, form: Form, path: Path | None) -> None:
    result = house.query(question)
    if path is not None:
        warehouse.write(result, "parquet", path)
        console.say(f"{result.num_rows} rows written to {path}")
    else:
        print(warehouse.as_text(result, form).rstrip("\n"))


def _prompt(house: warehouse.Warehouse, form: Form) -> None:
    import readline  # noqa: F401, PLC0415 - importing it gives the prompt its history and editing

    console.say(f"{house.path}, read-only. {_HELP}")
    statement = ""
    while True:
        try:
            statement += input("gfpipe> " if not statement else "   ...> ") + "\n"
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
            statement = ""
            continue
        word, *name = statement.split() or [""]
        if word == "\\q":
            return
        if word == "\\d":
            _try(house, f'describe "{name[0]}"' if name else _LIST, form)
        elif not statement.rstrip().endswith(";"):
            continue
        else:
            _try(house, statement, form)
        statement = ""


def _try(house: warehouse.Warehouse, question: str, form: Form) -> None:
    try:
        _answer(house, question, form, None)
    except GfpipeError as exc:
        console.say(str(exc), "red")
