"""The files of ``sql/``."""

import hashlib
from functools import cache
from typing import Final

from gfpipe import __version__
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


def digest(*facts: str) -> str:
    """Digest of this version of gfpipe with its files of ``sql/``, and of further facts."""
    texts = [text for folder in (*MATERIALISED, "macros") for item in statements(folder).items() for text in item]
    return hashlib.blake2b("\0".join([__version__, *facts, *texts]).encode(), digest_size=16).hexdigest()
