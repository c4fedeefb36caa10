"""A curated set on disk: its faces with model output, and a card that documents the selection.

    LAKE/sets/<name>/faces.parquet, card.json, images

Images are not copied: a row refers to a crop, and is useless once that is purged.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from gfpipe import __version__
from gfpipe.base import files
from gfpipe.base.validation import parse
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.selection import TRAIN, VALIDATION, Dropped, Rules, Selection
from gfpipe.curation.strata import STRATA
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake.storage import Storage, disk_errors
from gfpipe.lake.tables import write_whole
from gfpipe.training.data.adapters import curated

FOLDER: Final = "sets"
FACES: Final = curated.FACES
CARD: Final = curated.CARD
FORMAT: Final = 1
LABELS: Final = "a model's own: good to learn from with care, never to evaluate on"

SCHEMA: Final = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),  # relative to the lake's folder, absolute outside of it
        pa.field("row", pa.int64()),  # in a shard of crops; null: the file is the image
        pa.field("recording_id", pa.string(), nullable=False),
        pa.field("sample_index", pa.int32()),
        pa.field("face_index", pa.int32()),
        pa.field("config_digest", pa.string()),
        pa.field("perceived_gender", pa.string(), nullable=False),
        pa.field("p_female", pa.float64(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
    ]
)
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")

Count = Mapping[str, int]  # by perceived gender


@dataclass(frozen=True)
class Model:
    """A model that labelled candidates: its id, SHA-256 of its weights, number of candidates."""

    id: str
    sha256: str
    faces: int


@dataclass(frozen=True)
class Source:
    """Origin of candidates, such as ``crops of /mnt/lake``, and the models that labelled them.

    Attributes:
        left_out: number of faces that were not usable, by reason.
        expires_at: earliest expiry of the chosen crops; None if images do not expire.
    """

    material: str
    models: tuple[Model, ...]
    left_out: Mapping[str, int]
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Card:
    """Documentation of a set; ``card.json``.

    Attributes:
        labels: origin of the labels, and what they must not be used for.
        soft: whether classifiers learn ``p_female`` instead of the perceived gender.
        candidates, chosen: counts by perceived gender; of the chosen by split.
        dropped: counts by reason, in order of the steps; with the chosen, they add up to the candidates.
        strata: counts of the chosen by stratum.
        recordings: recordings of the chosen.
        left: counts of the chosen that purges left; None before the first purge.
    """

    source: Source
    rules: Rules
    soft: bool
    candidates: Count
    chosen: Mapping[str, Count]
    dropped: tuple[Dropped, ...]
    strata: Mapping[str, Mapping[str, Count]]
    recordings: tuple[str, ...]
    created_at: datetime
    labels: str = LABELS
    gfpipe_version: str = __version__
    format: int = FORMAT
    left: Mapping[str, Count] | None = None

    @property
    def rows(self) -> list[dict[str, str]]:
        """Crops by perceived gender: candidates, those that each step dropped, and those chosen."""
        rows: list[tuple[str, Mapping[str, int]]] = [("candidates", self.candidates)]
        rows += [(f"− {step.reason}", {"female": step.female, "male": step.male}) for step in self.dropped]
        rows += [(f"= chosen for {split}", count) for split, count in self.chosen.items()]
        return [{"crops": name, "women": f"{count['female']:,}", "men": f"{count['male']:,}"} for name, count in rows]

    @property
    def summary(self) -> str:
        """The size of the set in one line."""
        women, men = (sum(count[gender] for count in self.chosen.values()) for gender in ("female", "male"))
        return f"{women:,} women and {men:,} men chosen of {sum(self.candidates.values()):,} crops"


def card_of(candidates: Candidates, selection: Selection, rules: Rules, source: Source, soft: bool = False) -> Card:
    """Build the card of a set."""
    chosen = candidates.take(selection.chosen)
    return Card(
        source=source,
        rules=rules,
        soft=soft,
        candidates=_count(candidates.female),
        chosen={part: _count(chosen.female[selection.part == part]) for part in (TRAIN, VALIDATION)},
        dropped=selection.dropped,
        strata={name: _by_stratum(STRATA[name](chosen), chosen.female) for name in rules.balance},
        recordings=tuple(sorted(set(chosen.recording_id[chosen.recording_id != ""].tolist()))),
        created_at=datetime.now(UTC),
    )


def folder_of(lake: Path, name: str) -> Path:
    """Return the folder of a set in a lake; raises UsageError if the name is not a valid folder name."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a valid name of a set; use letters, digits, '.', '-' and '_'")
    return lake / FOLDER / name


def refuse_existing(folder: Path, replace: bool) -> None:
    """Raise UsageError if a set is in the folder and `replace` is false, or something else is."""
    if not folder.exists():
        return
    if not (folder / CARD).is_file():
        raise UsageError(f"{folder} exists and is not a curated set: choose another name, or move it away")
    if not replace:
        raise UsageError(f"{folder} already exists: choose another --name, or give --replace")


@contextmanager
def replacing(folder: Path, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary folder that becomes `folder` when the block succeeds, and is removed when it fails.

    Raises:
        UsageError: a set exists and `replace` is false, or something else exists.
        LakeError: the disk is full or the folder forbidden.
    """
    refuse_existing(folder, replace)
    files.clear_leftovers(folder)
    pending = files.temporary_name(folder)
    with disk_errors(folder):
        pending.mkdir(parents=True)
    try:
        yield pending
        with disk_errors(folder):
            if folder.exists():
                folder.rename(old := pending.with_suffix(".old"))
                pending.rename(folder)
                shutil.rmtree(old)
            else:
                pending.rename(folder)
    finally:
        shutil.rmtree(pending, ignore_errors=True)


def write(
    folder: Path, candidates: Candidates, selection: Selection, rules: Rules, source: Source, soft: bool = False
) -> Path:
    """Write the rows and the card of a set; within :func:`replacing`, to add images atomically.

    Paths in the rows are relative to the folder two levels above, as of ``LAKE/sets/NAME``. With `soft`, classifiers
    learn p_female. Returns the folder.

    Raises:
        LakeError: the disk is full or the folder is not writable.
    """
    folder = folder.resolve()
    root = folder.parents[1]
    metadata = {"soft": str(soft).lower(), "root": root, "labels": LABELS, "version": __version__}
    write_whole(Storage(str(folder)), (FACES,), SCHEMA, _rows(candidates, selection, root), **metadata)
    card = asdict(card_of(candidates, selection, rules, source, soft))
    with disk_errors(folder / CARD):
        files.write(folder / CARD, json.dumps(card, indent=2, ensure_ascii=False, default=datetime.isoformat) + "\n")
    return folder


def read_card(folder: Path) -> Card:
    """Read the card of a set; raises LakeError if it is missing or invalid."""
    path = folder / CARD
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("format") != FORMAT:
            raise ValueError(f"its format is {values.get('format')}, not {FORMAT}")
        return parse(Card, values, error=LakeError)
    except (OSError, ValueError, AttributeError, LakeError) as exc:
        raise LakeError(f"{path}: not the card of a curated set: {exc}; make the set again with gfpipe curate") from exc


def _rows(candidates: Candidates, selection: Selection, root: Path) -> list[dict[str, Any]]:
    chosen = candidates.take(selection.chosen)
    columns: dict[str, list[Any]] = {
        name: getattr(chosen, name).tolist() for name in SCHEMA.names if name not in ("path", "part")
    }
    for name in ("row", "sample_index", "face_index"):
        columns[name] = [None if value < 0 else value for value in columns[name]]
    columns["config_digest"] = [value or None for value in columns["config_digest"]]
    relative = {path: _relative(root, Path(path)) for path in set(chosen.path.tolist())}
    columns["path"] = [relative[path] for path in chosen.path.tolist()]
    columns["part"] = selection.part.tolist()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _relative(root: Path, path: Path) -> str:
    path = path.absolute()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _count(female: Any) -> Count:
    women = int(np.count_nonzero(female))
    return {"female": women, "male": len(female) - women}


def _by_stratum(names: Any, female: Any) -> dict[str, Count]:
    return {str(name): _count(female[names == name]) for name in np.unique(names)}
