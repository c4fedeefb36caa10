"""Curates a training set of pseudo-labelled faces from the crops of a lake.

crops -> candidates -> selection by the rules -> rows, card and figures in LAKE/sets/NAME
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gfpipe.base.progress import OnProgress, no_progress
from gfpipe.curation import figures, lakes, sets
from gfpipe.curation.lakes import CropCandidates
from gfpipe.curation.selection import UNSURE, Rules, Selection, select
from gfpipe.curation.sets import Card, Source
from gfpipe.errors import UsageError


@dataclass(frozen=True)
class Config:
    """The set to curate.

    Attributes:
        lake: on this machine.
        name: of the set.
        soft: store probabilities as soft labels.
        replace: replace a set of this name.
        contact_sheets: also draw contact sheets, which contain copies of crops.
        dry_run: write no files.
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
    """The curated set.

    Attributes:
        folder: of the set, written or not.
        card: its metadata.
        pictures: figures and contact sheets.
        written: False for a dry run.
    """

    folder: Path
    card: Card
    pictures: tuple[Path, ...] = ()
    written: bool = True


def run(config: Config, on_progress: OnProgress = no_progress) -> Summary:
    """Select faces and write the set atomically; `on_progress` receives the crops read and their total.

    Raises:
        UsageError: the set exists; the lake is remote or has no usable crops; or no women or no men are left.
        LakeError: the lake cannot be read or written.
    """
    folder = sets.folder_of(config.lake.resolve(), config.name)
    sets.refuse_existing(folder, config.replace)
    crops = lakes.read(config.lake, on_progress)
    selection = select(crops.candidates, config.rules)
    source = _source(config.lake, crops, selection)
    card = sets.card_of(crops.candidates, selection, config.rules, source, config.soft)
    if not len(selection.chosen):
        raise UsageError(_nothing_left(card))
    if config.dry_run:
        return Summary(folder, card, written=False)
    with sets.replacing(folder, config.replace) as pending:
        sets.write(pending, crops.candidates, selection, config.rules, source, config.soft)
        drawn = figures.write(pending, crops.candidates, selection, config.rules, config.contact_sheets)
    return Summary(folder, sets.read_card(folder), tuple(folder / path.name for path in drawn))


def _source(lake: Path, crops: CropCandidates, selection: Selection) -> Source:
    until = crops.expires_at[selection.chosen]
    first: datetime | None = until.min().item().replace(tzinfo=UTC) if len(until) else None
    return Source(f"crops of {lake.resolve()}", crops.models, crops.left_out, first)


def _nothing_left(card: Card) -> str:
    """The message for an empty selection."""
    unsure = next(dropped for dropped in card.dropped if dropped.reason == UNSURE)
    women, men = card.candidates["female"] - unsure.female, card.candidates["male"] - unsure.male
    left_out = "".join(f"; {count:,} more were left out: {why}" for why, count in card.source.left_out.items())
    return (
        "no set can be made, as it needs as many women as men: of "
        f"{card.candidates['female']:,} crops of women and {card.candidates['male']:,} of men, as the model perceives "
        f"them, it is confident enough of {women:,} and {men:,}{left_out}. Lower the threshold, or keep crops of more "
        "programmes"
    )
