"""Crops of faces stored in a lake, with the labels of annotators.

crops (recording, sample, face) · labels (recording, time, box) -> sample at that time -> face with the largest overlap
-> answers about it -> its crop

As in the warehouse, a label belongs to the face that overlaps its box most, with an IoU of at least a half. Ethnicity
is never set.
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from gfpipe.attributes.spec import FEMALE, MALE
from gfpipe.errors import UsageError
from gfpipe.faces.boxes import CORNERS, SAME_FACE_IOU, iou
from gfpipe.lake import schema
from gfpipe.training.data.records import AdapterResult, LabelledImage

Row = Mapping[str, Any]
Moment = tuple[str, int]  # recording_id, sample_index
Face = tuple[str, int, int]  # recording_id, sample_index, face_index


@dataclass(frozen=True)
class _Crop:
    path: Path
    row: int
    expires_at: datetime | None


@dataclass(frozen=True)
class _Analyses:
    """The current analyses of some recordings."""

    lake: Path
    digests: Mapping[str, str]  # by recording_id

    def rows(self, table: str, columns: Sequence[str], condition: ds.Expression | None = None) -> Iterator[Row]:
        recordings = pc.field("recording_id").isin(pa.array(sorted(self.digests), pa.string()))
        condition = recordings if condition is None else recordings & condition
        for row in scan(_files(self.lake, table), table, [*columns, "config_digest"], condition):
            if row["config_digest"] == self.digests[row["recording_id"]]:
                yield row


def read(lake: Path) -> AdapterResult:
    """List all crops that annotators agree to be female or male.

    Raises:
        UsageError: the lake has no crops or no labels, or a file cannot be read.
    """
    labels = _labels(lake)
    digests = _digests(lake, labels)
    crops, unlabelled = _crops(lake, digests)
    answers, unmatched = _answers(_Analyses(lake, digests), labels)
    result = AdapterResult()
    now = datetime.now(UTC)
    for face, crop in crops.items():
        if face in answers:
            _add(face, crop, set(answers[face].values()), now, result)
        else:
            unlabelled += 1
    without_crop = sum(face not in crops for face in answers)
    for count, table, reason in (
        (unlabelled, "crops", "not labelled"),
        (unmatched, "labels", "no face was detected there"),
        (without_crop, "labels", "no crop of the face is stored"),
    ):
        if count:
            result.skip(f"{count:,} {table}", reason)
    return result


def labelled_faces(lake: Path) -> frozenset[Face]:
    """All faces that annotators labelled; empty for a lake without labels.

    Raises:
        UsageError: a file of the lake cannot be read.
    """
    if not _files(lake, "labels"):
        return frozenset()
    labels = _labels(lake)
    answers, _ = _answers(_Analyses(lake, _digests(lake, labels)), labels)
    return frozenset(answers)


def scan(
    files: Sequence[Path], table: str, columns: Sequence[str], condition: ds.Expression | None = None
) -> Iterator[Row]:
    """Yield rows of Parquet files of a lake's table, in their order; a batch at a time is in memory.

    Raises:
        UsageError: a file cannot be read.
    """
    if not files:
        return
    try:
        dataset = ds.dataset(list(map(str, files)), (schema.TABLES | {"crops": schema.CROPS})[table], format="parquet")
        for batch in dataset.to_batches(columns=list(columns), filter=condition):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as exc:
        raise UsageError(f"{files[0]}: the table {table} cannot be read: {exc}") from exc


def _add(face: Face, crop: _Crop, answers: set[str], now: datetime, result: AdapterResult) -> None:
    recording, sample, number = face
    name = f"{recording}, sample {sample}, face {number}"
    if crop.expires_at is None:
        result.skip(name, "the crop has no expiry date")
    elif crop.expires_at <= now:
        result.skip(name, f"the crop expired on {crop.expires_at:%Y-%m-%d}")
    elif len(answers) > 1:
        result.skip(name, f"annotators disagree: {', '.join(sorted(answers))}")
    elif not answers <= {FEMALE, MALE}:
        result.skip(name, f"the answer is {min(answers)}, not female or male")
    else:
        result.images.append(LabelledImage(crop.path, min(answers), row=crop.row))


def _labels(lake: Path) -> list[Row]:
    """All labels, oldest first."""
    if not lake.is_dir():
        raise UsageError(f"{lake} is not a folder: give a local lake with crops and labels")
    columns = ("recording_id", "seconds", *CORNERS, "answer", "annotator", "imported_at")
    labels = list(scan(_files(lake, "labels"), "labels", columns))
    if not labels:
        raise UsageError(f"{lake} has no labels: import some first")
    return sorted(labels, key=lambda label: label["imported_at"])


def _crops(lake: Path, digests: Mapping[str, str]) -> tuple[dict[Face, _Crop], int]:
    """The crops of labelled recordings, and the number of all others."""
    files = _files(lake, "crops")
    if not files:
        raise UsageError(f"{lake} has no crops of faces, which is the default: analyse with --keep-crops")
    crops: dict[Face, _Crop] = {}
    others = 0
    columns = ("recording_id", "sample_index", "face_index", "expires_at", "config_digest")
    for file in files:
        for number, row in enumerate(scan([file], "crops", columns)):
            recording = row["recording_id"]
            # Each analysis numbers faces anew: crops of an earlier one may show other faces.
            if recording in digests and row["config_digest"] in (None, digests[recording]):
                crops[recording, row["sample_index"], row["face_index"]] = _Crop(file, number, row["expires_at"])
            else:
                others += 1
    return crops, others


def _answers(analyses: _Analyses, labels: Sequence[Row]) -> tuple[dict[Face, dict[str | None, str]], int]:
    """The latest answer of each annotator about each face, and the number of labels without a face."""
    moments = _moments(analyses, labels)
    faces = _faces(analyses, {moment for moment in moments if moment})
    matches: list[tuple[datetime, float, Face, Row]] = []
    for label, moment in zip(labels, moments, strict=True):
        if moment is None or moment not in faces:
            continue
        numbers, boxes = faces[moment]
        overlaps = iou([label[corner] for corner in CORNERS], boxes)[0]
        best = int(np.argmax(overlaps))
        if overlaps[best] >= SAME_FACE_IOU:
            matches.append((label["imported_at"], overlaps[best], (*moment, numbers[best]), label))
    answers: dict[Face, dict[str | None, str]] = defaultdict(dict)
    for *_, face, label in sorted(matches, key=lambda match: match[:2]):  # within an import, the best match counts
        answers[face][label["annotator"]] = label["answer"]
    return dict(answers), len(labels) - len(matches)


def _moments(analyses: _Analyses, labels: Sequence[Row]) -> list[Moment | None]:
    """The sample that covers the time of each label; None if it was not analysed."""
    samples: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    columns = ("recording_id", "seconds", "step_seconds", "sample_index")
    for row in analyses.rows("samples", columns):
        samples[row["recording_id"]].append((row["seconds"], row["step_seconds"], row["sample_index"]))
    for recording in samples.values():
        recording.sort()

    def moment(recording: str, seconds: float) -> Moment | None:
        position = bisect_right(samples[recording], (seconds, math.inf)) - 1
        if position < 0:
            return None
        start, step, index = samples[recording][position]
        return (recording, index) if seconds < start + step else None

    return [moment(label["recording_id"], label["seconds"]) for label in labels]


def _faces(analyses: _Analyses, moments: set[Moment]) -> dict[Moment, tuple[list[int], NDArray[np.float64]]]:
    """The faces of each moment: their numbers, and (F, 4) boxes in pixels."""
    faces: dict[Moment, list[tuple[int, list[float]]]] = defaultdict(list)
    condition = pc.field("sample_index").isin(pa.array(sorted({sample for _, sample in moments}), pa.int32()))
    for row in analyses.rows("faces", ("recording_id", "sample_index", "face_index", *CORNERS), condition):
        moment = (row["recording_id"], row["sample_index"])
        if moment in moments:
            faces[moment].append((row["face_index"], [row[corner] for corner in CORNERS]))
    return {
        moment: ([number for number, _ in rows], np.array([box for _, box in rows], np.float64))
        for moment, rows in faces.items()
    }


def _digests(lake: Path, labels: Sequence[Row]) -> dict[str, str]:
    """The digest of the current analysis of each labelled recording that was analysed."""
    recordings = {label["recording_id"] for label in labels}
    rows = scan(_files(lake, "recordings"), "recordings", ("recording_id", "config_digest"))
    return {row["recording_id"]: row["config_digest"] for row in rows if row["recording_id"] in recordings}


def _files(lake: Path, table: str) -> list[Path]:
    """The shards of a table, without files that are still being written."""
    return sorted(path for path in (lake / table / f"v{schema.VERSION}").rglob("*.parquet") if path.name[0] not in "._")
