"""The folder of a run: which run it is, whether it is finished, and what to clear away when it is.

FOLDER/run.json         what is trained on what: written when it begins
FOLDER/chips/           while they are needed
FOLDER/checkpoint.pt    while it is needed
FOLDER/history.csv      epoch by epoch
FOLDER/finished.json    what came out: written last
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gfpipe.errors import UsageError
from gfpipe.training.data import chips
from gfpipe.training.run.history import HISTORY

CHECKPOINT: Final = "checkpoint.pt"
_RUN: Final = "run.json"
FINISHED: Final = "finished.json"


@dataclass(frozen=True)
class RunFolder:
    """One run's place on disk.

    Attributes:
        path: the folder; need not exist.
        about: what is trained on what, by words that a message can name.
    """

    path: Path
    about: Mapping[str, Any]

    @property
    def chips(self) -> Path:
        """Where the cut faces lie."""
        return self.path / "chips"

    @property
    def claimed(self) -> bool:
        """Whether a run has begun here."""
        return (self.path / _RUN).is_file()

    def refuse_another(self) -> None:
        """Raise a UsageError where the folder holds another run."""
        found = self._read(_RUN)
        if found is None:
            return
        if others := [word for word, value in self.about.items() if found.get(word) != value]:
            raise UsageError(
                f"{self.path} holds a run of another {' and another '.join(others)}: choose another --out, or begin "
                "anew there with --restart"
            )

    def claim(self, *, restart: bool) -> None:
        """Make the folder this run's own; on a restart nothing is left of another, but for the chips if they fit.

        Raises:
            UsageError: it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if restart:
                for name in (FINISHED, CHECKPOINT, HISTORY):
                    (self.path / name).unlink(missing_ok=True)
            self._write(_RUN, self.about)
        except OSError as exc:
            raise UsageError(f"{self.path} cannot be written: {exc.strerror}; choose another --out") from exc

    def finished(self) -> dict[str, Any] | None:
        """What :meth:`finish` was told; None where the run has not come to its end."""
        return self._read(FINISHED)

    def finish(self, result: Mapping[str, Any], *, keep_chips: bool) -> None:
        """Say that the run came to its end, and clear away what no one needs any more."""
        self._write(FINISHED, result)
        (self.path / CHECKPOINT).unlink(missing_ok=True)
        if not keep_chips:
            chips.remove(self.chips)

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            raise UsageError(
                f"{path} cannot be read: {exc}; choose another --out, or begin anew with --restart"
            ) from exc
        return dict(content)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        part = self.path / f".{name}.part"
        part.write_text(json.dumps(dict(content), indent=1, ensure_ascii=False), encoding="utf-8")
        part.replace(self.path / name)


def claim_study(out: Path, about: Mapping[str, Any]) -> None:
    """Make a folder the place of one study of several runs, which may go on there and have more runs added.

    Args:
        out: the folder.
        about: what the study is about, in plain values.

    Raises:
        UsageError: it holds another study, or cannot be written.
    """
    path = out / "study.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            path.write_text(json.dumps(about, indent=1), encoding="utf-8")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise UsageError(f"{path} cannot be read or written: {exc}; choose another --out") from exc
    if others := [word for word, value in about.items() if found.get(word) != value]:
        raise UsageError(f"{out} holds a study of another {' and another '.join(others)}: choose another --out")
