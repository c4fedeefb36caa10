"""The files of ``sql/``."""

from functools import cache
from typing import Final

from gfpipe.base.files import shipped_folder

MATERIALISED: Final = {"staging": "view", "intermediate": "view", "marts": "table", "reports": "view"}


@cache
def statements(folder: str) -> dict[str, str]:
    """Statement of each file in a folder of ``sql/`` and its subfolders, by the file's name."""
    files = sorted((shipped_folder("sql") / folder).rglob("*.sql"), key=lambda file: file.stem)
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


def header(sql: str) -> str:
    """The comment at the head of a file, on one line."""
    lines = sql.splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return " ".join(line.removeprefix("--").strip() for line in lines[:end])
