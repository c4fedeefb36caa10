"""The files of ``sql/``."""

from functools import cache
from pathlib import Path
from typing import Final

MATERIALISED: Final = {"staging": "view", "intermediate": "view", "marts": "table", "reports": "view"}


@cache
def statements(folder: str) -> dict[str, str]:
    """Statement of each file in a folder of ``sql/`` and its subfolders, by the file's name."""
    files = sorted((_root() / folder).rglob("*.sql"), key=lambda file: file.stem)
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


def _root() -> Path:
    """Inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    return next(sql for sql in (package / "sql", package.parent / "sql") if sql.is_dir())
