"""The champion, the default classifier of perceived gender, named by ``MODELS/champion.json``; by default ``FIRST``.

Flows and commands resolve the word ``champion`` to an id at their start, so that workers and shards only hold ids.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gfpipe.base import files
from gfpipe.errors import ModelError, UsageError
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.models import store
from gfpipe.models.card import Card

FIRST: Final = "cydral-gender-v1"
WORD: Final = "champion"  # stands for the champion's id in settings and commands
FILE: Final = "champion.json"


@dataclass(frozen=True)
class Champion:
    """The content of ``champion.json``."""

    model: str  # id of a model in the models folder
    sha256: str  # of the promoted weights
    since: str  # time of the promotion, ISO 8601, UTC
    decided_by: str  # "gate", or "a person: REASON" if forced


def named() -> Champion | None:
    """The last promotion, without checking its weights; None if there was none.

    Raises:
        ModelError: the file cannot be read.
    """
    path = _path()
    try:
        return Champion(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, TypeError) as exc:
        raise ModelError(f"{path} does not name a champion: {exc}; {_remedy()}") from exc


def champion() -> str:
    """The id of the champion, with its weights checked.

    Raises:
        ModelError: the model is gone, or its weights are not the promoted ones.
    """
    promoted = named()
    if promoted is None:
        return FIRST
    folder = store.models_folder() / promoted.model
    if not (folder / store.CARD).is_file():
        raise ModelError(f"{promoted.model} was promoted, but is not in {folder}: copy it there again, or {_remedy()}")
    if (sha256 := store.card(folder).sha256) != promoted.sha256:
        raise ModelError(
            f"{promoted.model} was promoted with weights of sha256 {promoted.sha256}, but {folder} holds {sha256}: "
            f"bring the promoted weights back, or {_remedy()}"
        )
    return promoted.model


def resolve(model: str) -> str:
    """The champion's id for the word ``champion``, and any other model unchanged.

    Raises:
        ModelError: as :func:`champion`.
    """
    return champion() if model == WORD else model


def refuse_as_id(model_id: str, *, replace: bool = False) -> None:
    """Refuse an id for a new model.

    Raises:
        UsageError: the id is the word ``champion``, or the model would replace the champion without a decision.
    """
    if model_id == WORD:
        raise UsageError(f"no model can be called {WORD}, which stands for the promoted model: choose another id")
    promoted = named()
    if replace and model_id == (promoted.model if promoted else FIRST):
        raise UsageError(f"{model_id} is the champion, and is replaced by promotion only: choose another id")


def record(model: str, decision: Decision) -> Card:
    """Record a decision in the card of the candidate (id or folder); make it champion if it was promoted.

    Raises:
        UsageError: the candidate was promoted, but is not in the models folder.
        ModelError: a file cannot be written.
    """
    candidate = store.card(model)
    folder = store.models_folder() / candidate.id
    inside = (folder / store.CARD).is_file() and store.card(folder).sha256 == candidate.sha256
    if decision.promoted and not inside:
        raise UsageError(f"{model} is not in the models folder: copy it to {folder}, and promote {candidate.id}")
    # The card first, so that a champion always has its decision on record.
    card = store.rewrite_card(model, candidate.with_decision(decision))
    if decision.promoted:
        decided_by = "gate" if decision.forced is None else f"a person: {decision.forced}"
        promoted = Champion(card.id, card.sha256, datetime.now(UTC).isoformat(timespec="seconds"), decided_by)
        try:
            files.write_json(_path(), asdict(promoted))
        except OSError as exc:
            raise ModelError(f"{_path()} cannot be written: {exc.strerror or exc}") from exc
    return card


def _path() -> Path:
    return store.models_folder() / FILE


def _remedy() -> str:
    return f"remove {_path()} (the champion is then {FIRST}) and promote a model anew: gfpipe promote MODEL --data SET"
