"""The champion: the classifier of perceived gender that analyses use where none is named.

    MODELS/champion.json      written by `gfpipe promote`; where there is none, the model FIRST is champion

Every lake says which model read it, so the word `champion` is turned into a model's id where a flow or a command
begins (:func:`resolve`), and never travels further: not to workers, not into shards.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from gfpipe.errors import ModelError, UsageError
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.models import store
from gfpipe.models.card import Card

FIRST: Final = "cydral-gender-v1"
WORD: Final = "champion"  # what stands for the champion's id in settings and commands
FILE: Final = "champion.json"


@dataclass(frozen=True)
class Champion:
    """What ``champion.json`` says.

    Attributes:
        model: id of a model in the models folder.
        sha256: of the weights that were promoted.
        since: when, in ISO 8601, UTC.
        decided_by: ``gate``, or ``a person: REASON`` where it was forced.
    """

    model: str
    sha256: str
    since: str
    decided_by: str


def named() -> Champion | None:
    """What was promoted last, whatever has become of its weights; None where nothing ever was.

    Raises:
        ModelError: the file is there but cannot be read.
    """
    path = _path()
    try:
        return Champion(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, TypeError) as exc:
        raise ModelError(f"{path} does not say which model is champion: {exc}; {_way_out()}") from exc


def champion() -> str:
    """The id of the model that analyses use where none is named; its weights are those that were promoted.

    Raises:
        ModelError: they are not, or the model is gone.
    """
    promoted = named()
    if promoted is None:
        return FIRST
    folder = store.models_folder() / promoted.model
    if not (folder / store.CARD).is_file():
        raise ModelError(f"{promoted.model} was promoted, but is not in {folder}: copy it there again, or {_way_out()}")
    if (found := store.card(folder).sha256) != promoted.sha256:
        raise ModelError(
            f"{promoted.model} was promoted with weights of sha256 {promoted.sha256}, but {folder} holds {found}: "
            f"bring the promoted weights back, or {_way_out()}"
        )
    return promoted.model


def resolve(model: str) -> str:
    """The model that is meant: the champion's id for the word ``champion``, and anything else as it is.

    Raises:
        ModelError: as :func:`champion`.
    """
    return champion() if model == WORD else model


def refuse_as_id(model_id: str, *, replace: bool = False) -> None:
    """Say that no new model may have this id, where that is so.

    Raises:
        UsageError: it is what stands for the champion's id; or it is to replace the champion, and analyses would be
            made with weights that nobody decided on.
    """
    if model_id == WORD:
        raise UsageError(
            f"no model can be called {WORD}, which stands for the one that was promoted: choose another id"
        )
    promoted = named()
    if replace and model_id == (promoted.model if promoted else FIRST):
        raise UsageError(f"{model_id} is the champion, and is replaced by promotion only: choose another id")


def record(model: str, decision: Decision) -> Card:
    """Keep a decision in the card of the model it is about, and make that model champion where it was promoted.

    Args:
        model: the candidate's id, or its folder.
        decision: as the gate took it, and as somebody overruled it.

    Raises:
        UsageError: it was promoted, but does not lie in the models folder.
        ModelError: a file cannot be written.
    """
    known = store.card(model)
    folder = store.models_folder() / known.id
    inside = (folder / store.CARD).is_file() and store.card(folder).sha256 == known.sha256
    if decision.promoted and not inside:
        raise UsageError(f"{model} is not in the models folder: copy it to {folder}, and promote {known.id}")
    # The card first: whoever finds the model champion must find out why.
    card = store.rewrite_card(model, known.with_decision(decision))
    if decision.promoted:
        decided_by = "gate" if decision.forced is None else f"a person: {decision.forced}"
        _write(Champion(card.id, card.sha256, datetime.now(UTC).isoformat(timespec="seconds"), decided_by))
    return card


def _write(promoted: Champion) -> None:
    path = _path()
    staging = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with staging.open("w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(promoted), indent=2, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        staging.replace(path)
    except OSError as exc:
        raise ModelError(f"{path} cannot be written: {exc.strerror or exc}") from exc
    finally:
        with suppress(OSError):
            staging.unlink(missing_ok=True)


def _path() -> Path:
    return store.models_folder() / FILE


def _way_out() -> str:
    return f"remove {_path()} (the champion is then {FIRST}) and promote a model anew: gfpipe promote MODEL --data SET"
