"""Curated sets of ``gfpipe curate``: faces whose labels are a model's predictions.

    SET/faces.parquet      a row per face: path of its image, the model's output, train or validation
    SET/card.json          documentation of the selection and of the model

Images are not copied into a set: rows whose image is missing, expired or of another analysis are left out. No row is a
test face, as a model's predictions must not measure accuracy.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.attributes.spec import FEMALE, MALE
from gfpipe.errors import UsageError
from gfpipe.training.data.adapters import crops
from gfpipe.training.data.records import AdapterResult, LabelledImage

FACES: Final = "faces.parquet"
CARD: Final = "card.json"
_COLUMNS: Final = ("path", "row", "perceived_gender", "p_female", "part")
_FACE: Final = ("recording_id", "sample_index", "face_index", "config_digest")
_PARTS: Final = ("train", "validation")

Row = Mapping[str, Any]


def read(path: Path) -> AdapterResult:
    """List the usable faces of a set.

    Args:
        path: the set's folder, or its ``faces.parquet``.

    Raises:
        UsageError: there is no set, or it cannot be read.
    """
    file = path / FACES if path.is_dir() else path
    table = _table(file)
    metadata = table.schema.metadata or {}
    # Paths are relative to the lake that contains the set, which may have moved since it was written.
    written_at = metadata.get(b"gfpipe.root", b"").decode()
    roots = [file.absolute().parents[2], *([Path(written_at)] if written_at else [])]
    is_soft = metadata.get(b"gfpipe.soft") == b"true"
    rows = [{**row, "path": _existing(row["path"], roots)} for row in table.to_pylist()]
    result = AdapterResult(
        licence="of the sources of its images; its labels are a model's predictions",
        about=_about(file.with_name(CARD)),
        broadcast=any(row["row"] is not None for row in rows),
    )
    for row, reason in zip(rows, _reasons(rows), strict=True):
        p_female = row["p_female"] if is_soft else None
        label, part, number = row["perceived_gender"], row["part"], row["row"]
        image = LabelledImage(row["path"], label, part=part, row=number, pseudo=True, p_female=p_female)
        if reason:
            result.skip(str(image), reason)
        else:
            result.images.append(image)
    return result


def _table(file: Path) -> pa.Table:
    if not file.is_file():
        raise UsageError(f"{file} does not exist: give the folder of a set that gfpipe curate wrote")
    try:
        table = pq.ParquetFile(file).read()
    except (OSError, pa.ArrowException) as exc:
        raise UsageError(f"{file} cannot be read as Parquet: {exc}") from exc
    if missing := [name for name in (*_COLUMNS, *_FACE) if name not in table.column_names]:
        raise UsageError(f"{file} is not a set of gfpipe curate: it has no column {', '.join(missing)}")
    return table


def _existing(path: str, roots: Sequence[Path]) -> Path:
    paths = [root / path for root in roots]
    return next((path for path in paths if path.is_file()), paths[0])


def _reasons(rows: Sequence[Row]) -> list[str]:
    """The reason why each row cannot be used; empty for usable ones."""
    reasons = [_row_problem(row) for row in rows]
    by_shard: dict[Path, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if not reasons[index] and row["row"] is not None:
            by_shard[row["path"]].append(index)
    now = datetime.now(UTC)
    for path, indices in by_shard.items():
        try:
            stored, problem = list(crops.scan([path], "crops", [*_FACE, "expires_at"])) if path.is_file() else [], ""
        except UsageError as exc:
            stored, problem = [], f"the shard of its crop cannot be read: {exc}"
        for index in indices:
            reasons[index] = problem or _crop_problem(rows[index], stored, now)
    return reasons


def _row_problem(row: Row) -> str:
    if row["perceived_gender"] not in (FEMALE, MALE):
        return f"its label is {row['perceived_gender']!r}, not female or male"
    if row["part"] not in _PARTS:
        return f"its part is {row['part']!r}, not train or validation"
    if row["p_female"] is None or not 0 <= row["p_female"] <= 1:
        return f"its p_female is {row['p_female']}, not a probability"
    if row["row"] is None and not row["path"].is_file():
        return "the image does not exist any more"
    return ""


def _crop_problem(row: Row, stored: Sequence[Row], now: datetime) -> str:
    """Compare a row with the crops that its shard contains now."""
    if not 0 <= row["row"] < len(stored):
        return "the crop was removed"
    crop = stored[row["row"]]
    if row["config_digest"] and crop["config_digest"] != row["config_digest"]:
        return "the crop is now of another analysis"
    if any(crop[name] != row[name] for name in _FACE[:3]):
        return "the crop was replaced by another face"
    return "the crop has expired" if crop["expires_at"] is None or crop["expires_at"] <= now else ""


def _about(card: Path) -> str:
    """The origin of the labels, for the cards of models."""
    try:
        content = json.loads(card.read_text(encoding="utf-8"))
        models = " and ".join(model["id"] for model in content["source"]["models"])
        thresholds = [f"{content['rules'][f'threshold_{gender}']:g} for {gender} faces" for gender in (FEMALE, MALE)]
        return (
            f"{content['source']['material']}, labelled by {models} where it was confident (|2p - 1| at least "
            f"{' and '.join(thresholds)}){', soft labels' if content['soft'] else ''}"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "labels are a model's predictions"
