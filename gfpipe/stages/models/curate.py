"""A training set out of the crops that a lake keeps: the faces a model is sure of, well chosen.

crops -> candidates -> those that the rules choose -> rows, card, pictures in LAKE/sets/NAME
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gfpipe.curation import figures, lakes, sets
from gfpipe.curation.lakes import CropCandidates
from gfpipe.curation.selection import UNSURE, Rules, Selection, select
from gfpipe.curation.sets import Card, Source
from gfpipe.errors import UsageError
from gfpipe.progress import OnProgress, no_progress


@dataclass(frozen=True)
class Config:
    """What is to be made.

    Attributes:
        lake: on this machine.
        name: of the set.
        soft: whether a classifier is to learn the probabilities themselves.
        replace: also where a set of this name is there.
        contact_sheets: also draw sheets of the faces, which are copies of crops.
        dry_run: write nothing.
    """

    lake: Path
    name: str
    rules: Rules
    soft: bool = False
    replace: bool = False
    contact_sheets: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Summary:
    """What came of it.

    Attributes:
        folder: of the set; on a dry run, where it would be.
        card: everything that is recorded of the set.
        pictures: that were drawn.
        written: whether the set is there now.
    """

    folder: Path
    card: Card
    pictures: tuple[Path, ...] = ()
    written: bool = True


def run(config: Config, on_progress: OnProgress = no_progress) -> Summary:
    """Choose faces and write the set, whole or not at all.

    Args:
        config: what is to be made.
        on_progress: receives the crops read, and how many there are.

    Raises:
        UsageError: the set is there already; the lake is elsewhere or keeps no crops that may be used; or no women or
            no men are left.
        LakeError: the lake cannot be read or written.
    """
    folder = sets.folder_of(config.lake.resolve(), config.name)
    sets.refuse_existing(folder, config.replace)
    found = lakes.read(config.lake, on_progress)
    selection = select(found.candidates, config.rules)
    source = _source(config.lake, found, selection)
    card = sets.card_of(found.candidates, selection, config.rules, source, config.soft)
    if not len(selection.chosen):
        raise UsageError(_nothing_left(card))
    if config.dry_run:
        return Summary(folder, card, written=False)
    with sets.replacing(folder, config.replace) as pending:
        sets.write(pending, found.candidates, selection, config.rules, source, config.soft)
        drawn = figures.write(pending, found.candidates, selection, config.rules, config.contact_sheets)
    return Summary(folder, sets.read_card(folder), tuple(folder / path.name for path in drawn))


def _source(lake: Path, found: CropCandidates, selection: Selection) -> Source:
    until = found.expires_at[selection.chosen]
    first: datetime | None = until.min().item().replace(tzinfo=UTC) if len(until) else None
    return Source(f"crops of {lake.resolve()}", found.models, found.left_out, first)


def _nothing_left(card: Card) -> str:
    """Why no pair could be made, and what to do."""
    unsure = next(each for each in card.dropped if each.reason == UNSURE)
    women, men = card.candidates["female"] - unsure.female, card.candidates["male"] - unsure.male
    left_out = "".join(f"; {count:,} more were left out: {why}" for why, count in card.source.left_out.items())
    return (
        "no set can be made, as it needs as many women as men: of "
        f"{card.candidates['female']:,} crops of women and {card.candidates['male']:,} of men, as the model perceives "
        f"them, it is confident enough of {women:,} and {men:,}{left_out}. Lower the threshold, or keep crops of more "
        "programmes"
    )
