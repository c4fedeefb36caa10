"""What an evaluation leaves in a folder: answers, tables, pictures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what they import takes seconds
    from gfpipe.evaluation.answers import Trial


@dataclass(frozen=True)
class Written:
    """Files of an evaluation.

    Attributes:
        tables: every table, in Markdown.
        answers: what was said of every face, one a trial.
    """

    tables: Path
    answers: tuple[Path, ...]
    pictures: tuple[Path, ...]


def write(trials: Sequence["Trial"], folder: Path, by: Sequence[str] = ()) -> Written:
    """Write every table and every answer, and the pictures of each trial; of several, in a folder each.

    Args:
        trials: one a data set.
        folder: made where it is missing.
        by: the groups of tables; empty for all that are known.
    """
    from gfpipe.evaluation.figures import trials as figures  # noqa: PLC0415
    from gfpipe.evaluation.tables import trials as tables  # noqa: PLC0415

    written = tables.write_all(trials, folder, by or None)
    drawn = [figures.write(each, folder if len(trials) == 1 else folder / slug(each.data)) for each in trials]
    answers = tuple(path for path in written if path.suffix == ".parquet")
    return Written(folder / "tables.md", answers, tuple(path for paths in drawn for path in paths))


def write_answers(trials: Sequence["Trial"], folder: Path) -> list[Path]:
    """Write the answers alone, on which a decision rests."""
    paths = [folder / slug(trial.data) / "answers.parquet" for trial in trials]
    for trial, path in zip(trials, paths, strict=True):
        trial.write(path)
    return paths


def slug(text: str) -> str:
    """A name that folders and Prefect's keys can have: lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
