"""The folder of a run, which can be interrupted and resumed.

FOLDER/run.json         the run's configuration; written at the start
FOLDER/chips/           cut faces, until the end of the run
FOLDER/checkpoint.pt    until the end of the run
FOLDER/history.csv      epoch by epoch
FOLDER/finished.json    the result; written last
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gfpipe.base import files
from gfpipe.errors import UsageError
from gfpipe.training.data import chips
from gfpipe.training.run.history import HISTORY

CHECKPOINT: Final = "checkpoint.pt"
_RUN: Final = "run.json"
FINISHED: Final = "finished.json"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, which need not exist.

    Attributes:
        about: the run's configuration, under the words that messages use; another run differs in it.
    """

    path: Path
    about: Mapping[str, Any]

    @property
    def chips(self) -> Path:
        """The folder of the cut faces."""
        return self.path / "chips"

    @property
    def claimed(self) -> bool:
        """Whether a run has started here."""
        return (self.path / _RUN).is_file()

    def refuse_another(self) -> None:
        """Raise a UsageError if the folder holds another run."""
        stored = self._read(_RUN)
        if stored is None:
            return
        if others := [word for word, value in self.about.items() if stored.get(word) != value]:
            raise UsageError(
                f"{self.path} holds a run of another {' and another '.join(others)}: choose another --out, or use "
                "--restart"
            )

    def claim(self, *, restart: bool) -> None:
        """Start a run here; a restart removes everything of an earlier run except chips, which may fit.

        Raises:
            UsageError: the folder cannot be written.
        """
        try:
            if restart:
                for name in (FINISHED, CHECKPOINT, HISTORY):
                    self._remove(name)
            files.write_json(self.path / _RUN, dict(self.about))
        except OSError as exc:
            raise UsageError(f"{self.path} cannot be written: {exc.strerror}; choose another --out") from exc

    def finished(self) -> dict[str, Any] | None:
        """The result given to :meth:`finish`; None for a run that has not finished."""
        return self._read(FINISHED)

    def finish(self, result: Mapping[str, Any], *, keep_chips: bool) -> None:
        """Record the result and remove checkpoint and chips."""
        files.write_json(self.path / FINISHED, dict(result))
        self._remove(CHECKPOINT)
        if not keep_chips:
            chips.remove(self.chips)

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            raise UsageError(f"{path} cannot be read: {exc}; choose another --out, or use --restart") from exc
        return dict(content)

    def _remove(self, name: str) -> None:
        for path in (self.path / name, *self.path.glob(f".{name}.*.tmp")):
            path.unlink(missing_ok=True)


def claim_study(out: Path, about: Mapping[str, Any]) -> None:
    """Start a study of several runs in a folder, or resume it there; `about` describes it in plain values.

    Raises:
        UsageError: the folder holds another study or cannot be written.
    """
    path = out / "study.json"
    try:
        if not path.is_file():
            files.write_json(path, dict(about))
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise UsageError(f"{path} cannot be read or written: {exc}; choose another --out") from exc
    if others := [word for word, value in about.items() if stored.get(word) != value]:
        raise UsageError(f"{out} holds a study of another {' and another '.join(others)}: choose another --out")


def data_paths(data: Iterable[str]) -> list[str]:
    """``NAME=PATH`` with absolute paths, sorted."""
    parts = (name.partition("=") for name in data)
    return sorted(f"{name}={Path(path).expanduser().resolve()}" for name, _, path in parts)
