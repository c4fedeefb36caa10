"""Output files of an evaluation: predictions, tables, figures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # its imports take seconds
    from gfpipe.evaluation.answers import Trial


@dataclass(frozen=True)
class Written:
    """Files of an evaluation: all tables in Markdown, the predictions of each trial, and the figures."""

    tables: Path
    answers: tuple[Path, ...]
    pictures: tuple[Path, ...]


def write(trials: Sequence["Trial"], folder: Path, by: Sequence[str] = ()) -> Written:
    """Write tables, predictions and figures; the figures of several trials in a folder each.

    `by` are the attributes of the groups; empty for all known attributes.
    """
    from gfpipe.evaluation.figures import trials as figures  # noqa: PLC0415
    from gfpipe.evaluation.tables import trials as tables  # noqa: PLC0415

    written = tables.write_all(trials, folder, by or None)
    drawn = [figures.write(trial, folder if len(trials) == 1 else folder / slug(trial.data)) for trial in trials]
    answers = tuple(path for path in written if path.suffix == ".parquet")
    return Written(folder / "tables.md", answers, tuple(path for paths in drawn for path in paths))


def write_answers(trials: Sequence["Trial"], folder: Path) -> list[Path]:
    """Write the predictions of each trial as ``answers.parquet``."""
    paths = [folder / slug(trial.data) / "answers.parquet" for trial in trials]
    for trial, path in zip(trials, paths, strict=True):
        trial.write(path)
    return paths


def slug(text: str) -> str:
    """Lower case, digits and dashes, as allowed in folder names and Prefect keys."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
