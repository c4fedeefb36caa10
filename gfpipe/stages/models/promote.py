"""Decides whether a candidate becomes champion, and records the decision in the candidate's card.

predictions of both on the same faces (from evaluate) -> checks -> decision -> candidate's card -> champion.json
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
    """A candidate for promotion.

    Attributes:
        candidate: a model's id.
        margins: non-inferiority margins, in points.
        force_reason: reason to promote it whatever the checks say; None to let them decide.
    """

    candidate: str
    margins: Margins = field(default_factory=Margins)
    force_reason: str | None = None

    def __post_init__(self) -> None:
        if self.force_reason is not None and not self.force_reason.strip():
            raise UsageError("a promotion against the gate needs a reason, which is recorded in the model's card")


def run(config: Config, trials: Sequence[Path], *, dry_run: bool = False) -> Decision:
    """Decide on trials with the predictions of candidate and champion.

    Args:
        config: the candidate.
        trials: ``answers.parquet`` of `evaluate`, one per data set, without faces that either was trained on.
        dry_run: decide without recording.

    Returns:
        The decision; without checks, and not recorded, if the candidate is the champion already.

    Raises:
        UsageError: the candidate is not a classifier of perceived gender or not in the models folder, or a trial is not
            a file of `evaluate` or does not suit the gate.
        ModelError: the champion's weights are not the promoted ones, or a file cannot be written.
    """
    card = store.card(champion.resolve(config.candidate))
    if all(head.attribute is not Attribute.PERCEIVED_GENDER for head in card.heads):
        raise UsageError(f"{card.id} is a model for {card.task}; only one for perceived gender can be champion")
    reigning = champion.champion()
    if card.id == reigning:
        return Decision(card.id, reigning, passed=True, checks=())
    decision = decide([Trial.read(path) for path in trials], card.id, reigning, config.margins)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    decision = replace(decision, forced=config.force_reason, on=now)
    if not dry_run:
        champion.record(config.candidate, decision)
    return decision
