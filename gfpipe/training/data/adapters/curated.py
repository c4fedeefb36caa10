"""Sets that `gfpipe curate` chose: faces whose labels are a model's own answers.

    SET/faces.parquet      a row a face: where its picture is, what the model said, train or validation
    SET/card.json          what was chosen from what, by which model

No pixels are copied into a set. A row whose picture is gone, expired, or of another analysis by now is left out with
the reason. No row is ever a test face: a model's answers measure nothing.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.attributes.spec import FEMALE, MALE
from gfpipe.errors import UsageError
from gfpipe.training.data.records import Found, LabelledImage

FACES: Final = "faces.parquet"
_CARD: Final = "card.json"
_SOFT, _ROOT = b"gfpipe.soft", b"gfpipe.root"
_COLUMNS: Final = ("path", "row", "perceived_gender", "p_female", "part")
_FACE: Final = ("recording_id", "sample_index", "face_index", "config_digest")
_PARTS: Final = ("train", "validation")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Shard:
    """What a shard of crops holds by now, row by row; or why it holds nothing."""

    rows: tuple[Row, ...] = ()
    reason: str = ""

    def problem(self, wanted: Row, now: datetime) -> str:
        """Why a row of it may not be used; empty where it may."""
        if self.reason:
            return self.reason
        if not 0 <= wanted["row"] < len(self.rows):
            return "the crop is gone: its shard was written anew"
        there = self.rows[wanted["row"]]
        if wanted["config_digest"] and there["config_digest"] != wanted["config_digest"]:
            return "the crop is of another analysis by now"
        if any(there[name] != wanted[name] for name in _FACE[:3]):
            return "the crop is gone: its shard was written anew, and another face is there"
        if there["expires_at"] is None or _in_utc(there["expires_at"]) <= now:
            return "the crop has expired, so it may not be used"
        return ""


def read(place: Path) -> Found:
    """Every face of a set whose picture may still be used.

    Args:
        place: the set's folder, or its ``faces.parquet``.

    Raises:
        UsageError: there is no set, or it cannot be read.
    """
    file = place / FACES if place.is_dir() else place
    table = _table(file)
    said = table.schema.metadata or {}
    roots = _roots(file, said)
    soft = said.get(_SOFT) == b"true"
    rows = [{**row, "path": _found(row["path"], roots)} for row in table.to_pylist()]
    reasons = _reasons(rows)
    found = Found(
        licence="of its pictures, where they come from; its labels are a model's answers",
        about=_about(file.with_name(_CARD)),
        broadcast=any(row["row"] is not None for row in rows),
    )
    for row, reason in zip(rows, reasons, strict=True):
        if reason:
            found.skip(_name(row), reason)
        else:
            found.images.append(
                LabelledImage(
                    row["path"],
                    row["perceived_gender"],
                    part=row["part"],
                    row=row["row"],
                    pseudo=True,
                    p_female=row["p_female"] if soft else None,
                )
            )
    return found


def _table(file: Path) -> pa.Table:
    if not file.is_file():
        raise UsageError(f"{file} is not there: give the folder of a set that gfpipe curate wrote")
    try:
        table = pq.ParquetFile(file).read()
    except (OSError, pa.ArrowException) as exc:
        raise UsageError(f"{file} cannot be read as Parquet: {exc}") from exc
    if missing := [name for name in (*_COLUMNS, *_FACE) if name not in table.column_names]:
        raise UsageError(f"{file} is no set of gfpipe curate: it has no column {', '.join(missing)}")
    return table


def _roots(file: Path, said: Mapping[bytes, bytes]) -> tuple[Path, ...]:
    """From where relative paths may count: the lake that the set lies in, then where the lake was at its writing."""
    written = said.get(_ROOT, b"").decode()
    return (file.absolute().parent.parent.parent, *([Path(written)] if written else []))


def _found(path: str, roots: tuple[Path, ...]) -> Path:
    places = [root / path for root in roots]
    return next((place for place in places if place.is_file()), places[0])


def _reasons(rows: Sequence[Row]) -> list[str]:
    """For each row why it cannot be used; empty where it can."""
    reasons = [_wrong(row) for row in rows]
    by_shard: dict[Path, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if not reasons[place] and row["row"] is not None:
            by_shard[row["path"]].append(place)
    now = datetime.now(UTC)
    for path, places in by_shard.items():
        shard = _shard(path)
        for place in places:
            reasons[place] = shard.problem(rows[place], now)
    return reasons


def _wrong(row: Row) -> str:
    if row["perceived_gender"] not in (FEMALE, MALE):
        return f"its label is {row['perceived_gender']!r}, not female or male"
    if row["part"] not in _PARTS:
        return f"its part is {row['part']!r}; of labels that a model gave, there is only train and validation"
    if row["p_female"] is None or not 0 <= row["p_female"] <= 1:
        return f"its p_female is {row['p_female']}, no probability"
    if row["row"] is None and not row["path"].is_file():
        return "the picture is gone"
    return ""


def _shard(path: Path) -> _Shard:
    if not path.is_file():
        return _Shard(reason="the crop is gone: its shard was removed")
    try:
        columns = [*_FACE, "expires_at"]
        return _Shard(tuple(pq.ParquetFile(path).read(columns=columns).select(columns).to_pylist()))
    except (OSError, KeyError, pa.ArrowException) as exc:
        return _Shard(reason=f"the shard of its crop cannot be read: {exc}")


def _about(card: Path) -> str:
    """What the set's card says of its labels, for the cards of models."""
    try:
        said = json.loads(card.read_text(encoding="utf-8"))
        models = " and ".join(model["id"] for model in said["source"]["models"])
        least = [f"{said['rules'][f'threshold_{gender}']:g} for {gender} faces" for gender in (FEMALE, MALE)]
        return (
            f"{said['source']['material']}, labelled by {models} where it was confident (|2p - 1| at least "
            f"{' and '.join(least)}){', soft labels' if said['soft'] else ''}"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "labels are a model's answers"


def _name(row: Row) -> str:
    return str(row["path"]) if row["row"] is None else f"{row['path']}, row {row['row']}"


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
