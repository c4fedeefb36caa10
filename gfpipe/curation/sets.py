"""A curated set on disk: which faces, with what a model said of them, and a card that says how they were chosen.

    LAKE/sets/<name>/faces.parquet, card.json, pictures

No picture is copied into it: a row names the crop, and where that was purged the row is of no use any more.
"""

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from gfpipe import __version__
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.selection import TRAIN, VALIDATION, Dropped, Rules, Selection
from gfpipe.curation.strata import STRATA
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake.storage import Storage, disk_errors
from gfpipe.lake.tables import write_whole

FOLDER: Final = "sets"
FACES: Final = "faces.parquet"
CARD: Final = "card.json"
FORMAT: Final = 1
LABELS: Final = "a model's own: good to learn from with care, never to evaluate on"

SCHEMA: Final = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),  # from the lake's folder where it lies there, else absolute
        pa.field("row", pa.int64()),  # of a shard of crops; null: the file itself is the picture
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
    """A model whose answers the labels are: its id, the sha256 of its weights, and how many candidates it read."""

    id: str
    sha256: str
    faces: int


@dataclass(frozen=True)
class Source:
    """Where candidates come from.

    Attributes:
        material: such as ``crops of /mnt/lake``.
        models: that read them.
        left_out: what was no candidate, by reason.
        expires_at: when the first of the chosen crops must go; None where pictures may stay.
    """

    material: str
    models: tuple[Model, ...]
    left_out: Mapping[str, int]
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Card:
    """What is known of a set beside its rows; ``card.json``.

    Attributes:
        labels: whose they are, and what they must not be used for.
        soft: whether a classifier is to learn ``p_female`` itself and not only the side that it is on.
        candidates, chosen: how many, by perceived gender; the chosen by part.
        dropped: every step's reason, in their order; with the chosen, they add up to the candidates.
        strata: of the chosen, by what the set is balanced by.
        recordings: that the chosen come from.
        left: of the chosen, those that purges have left; None where they took none.
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

    def to_json(self) -> str:
        """Text of ``card.json``."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, default=datetime.isoformat) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Read a card back.

        Raises:
            ValueError: the text is no card, or one of another format.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            if values["format"] != FORMAT:
                raise ValueError(f"its format is {values['format']}, not {FORMAT}")
            source = dict(values["source"])
            until = source["expires_at"]
            source["expires_at"] = until and datetime.fromisoformat(until)
            source["models"] = tuple(Model(**model) for model in source["models"])
            rules = values["rules"]
            return cls(
                **{
                    **values,
                    "source": Source(**source),
                    "rules": Rules(**{**rules, "balance": tuple(rules["balance"])}),
                    "dropped": tuple(Dropped(**each) for each in values["dropped"]),
                    "recordings": tuple(values["recordings"]),
                    "created_at": datetime.fromisoformat(values["created_at"]),
                }
            )
        except (KeyError, TypeError) as exc:
            raise ValueError(f"no card: {exc!r}") from exc


def card_of(candidates: Candidates, selection: Selection, rules: Rules, source: Source, soft: bool = False) -> Card:
    """The card of a set that is not written yet."""
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


def place(lake: Path, name: str) -> Path:
    """The folder of a set in a lake.

    Raises:
        UsageError: that is no name for a folder.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a set; use letters, digits, '.', '-' and '_'")
    return lake / FOLDER / name


def refuse_existing(folder: Path, replace: bool) -> None:
    """Make sure that a set may be written here.

    Raises:
        UsageError: a set is there and is not to be replaced, or something else is.
    """
    if not folder.exists():
        return
    if not (folder / CARD).is_file():
        raise UsageError(f"{folder} is there, and is no curated set: choose another name, or move it away")
    if not replace:
        raise UsageError(f"{folder} is there already: choose another --name, or give --replace")


@contextmanager
def appearing(folder: Path, replace: bool = False) -> Iterator[Path]:
    """Give a folder to write a set into, which takes its place when the block ends well; else nothing is left of it.

    Raises:
        UsageError: a set is there and is not to be replaced, or something else is.
        LakeError: the disk is full or the folder forbidden.
    """
    refuse_existing(folder, replace)
    pending = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
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
    """Write the rows and the card of a set; :func:`appearing` lets them appear together with pictures.

    Args:
        folder: two below the one that paths are written from, as ``LAKE/sets/NAME``; made where it is missing.
        candidates: what was chosen from.
        selection: what was chosen.
        rules: by which.
        source: where candidates come from.
        soft: whether p_female itself is to be learned.

    Returns:
        The folder.

    Raises:
        LakeError: the disk is full or the folder forbidden.
    """
    folder = folder.resolve()
    root = folder.parents[1]
    said = {"soft": str(soft).lower(), "root": root, "labels": LABELS, "version": __version__}
    write_whole(Storage(str(folder)), (FACES,), SCHEMA, _rows(candidates, selection, root), **said)
    card = folder / CARD
    with disk_errors(card):
        card.write_text(card_of(candidates, selection, rules, source, soft).to_json(), encoding="utf-8")
    return folder


def read_card(folder: Path) -> Card:
    """The card of a set.

    Raises:
        LakeError: there is none, or it cannot be read.
    """
    path = folder / CARD
    try:
        return Card.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise LakeError(f"{path}: not the card of a curated set: {exc}; make the set again with gfpipe curate") from exc


def _rows(candidates: Candidates, selection: Selection, root: Path) -> list[dict[str, Any]]:
    chosen = candidates.take(selection.chosen)
    columns: dict[str, list[Any]] = {
        name: getattr(chosen, name).tolist() for name in SCHEMA.names if name not in ("path", "part")
    }
    for name in ("row", "sample_index", "face_index"):
        columns[name] = [None if value < 0 else value for value in columns[name]]
    columns["config_digest"] = [value or None for value in columns["config_digest"]]
    relative = {path: _from(root, Path(path)) for path in set(chosen.path.tolist())}
    columns["path"] = [relative[path] for path in chosen.path.tolist()]
    columns["part"] = selection.part.tolist()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _from(root: Path, path: Path) -> str:
    path = path.absolute()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _count(female: Any) -> Count:
    women = int(np.count_nonzero(female))
    return {"female": women, "male": len(female) - women}


def _by_stratum(words: Any, female: Any) -> dict[str, Count]:
    return {str(word): _count(female[words == word]) for word in np.unique(words)}
