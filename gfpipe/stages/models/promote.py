"""Decides whether a candidate becomes champion, and keeps the decision with its figures in the candidate's card.

answers of both on the same faces (from evaluate) -> checks -> decision -> the candidate's card -> champion.json
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from gfpipe.attributes.spec import Attribute
from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.evaluation.gate.non_inferiority import Margins, decide
from gfpipe.models import champion, store


@dataclass(frozen=True)
class Config:
    """Who is to be champion, and what it takes.

    Attributes:
        candidate: a model's id.
        margins: how much worse it may be than the champion, in points.
        force_reason: why it is to be champion whatever the checks say; None where they decide.
    """

    candidate: str
    margins: Margins = field(default_factory=Margins)
    force_reason: str | None = None

    def __post_init__(self) -> None:
        if self.force_reason is not None and not self.force_reason.strip():
            raise UsageError("a promotion against the gate needs a reason, which is kept in the model's card")


def run(config: Config, trials: Sequence[Path], *, dry_run: bool = False) -> Decision:
    """Decide on the faces of some trials, in which candidate and champion have answered.

    Args:
        config: who is to be champion.
        trials: ``answers.parquet`` of `evaluate`, one a data set; they must hold no face that either was trained on.
        dry_run: only say what would be decided; nothing is kept.

    Returns:
        The decision; without checks where the candidate is champion already, and then nothing is kept.

    Raises:
        UsageError: the candidate is no classifier of perceived gender or not in the models folder, a trial is not
            what the gate needs, or not what `evaluate` wrote.
        ModelError: the champion's weights are not those that were promoted, or a file cannot be written.
    """
    card = store.card(champion.resolve(config.candidate))
    if all(head.attribute is not Attribute.PERCEIVED_GENDER for head in card.heads):
        raise UsageError(f"{card.id} is a model for {card.task}; only one for perceived gender can be champion")
    reigning = champion.champion()
    if card.id == reigning:
        return Decision(card.id, reigning, passed=True, checks=())
    found = decide([Trial.read(path) for path in trials], card.id, reigning, config.margins)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    decision = replace(found, forced=config.force_reason, on=now)
    if not dry_run:
        champion.record(config.candidate, decision)
    return decision
