"""Our own broadcasts: crops of faces that a lake kept, with what people answered about them.

crops (recording, sample, face) · labels (recording, moment, box) -> the sample of that moment -> the face that the
box overlaps most -> the answers about it -> the crop of that face

As in the warehouse, a label belongs to the face that its box overlaps most, by half and more. Ethnicity is never set.
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.attributes.spec import FEMALE, MALE
from gfpipe.errors import UsageError
from gfpipe.training.data.records import Found, LabelledImage

_OVERLAP: Final = 0.5
_CORNERS: Final = ("x1", "y1", "x2", "y2")

Row = Mapping[str, Any]
Moment = tuple[str, int]  # recording_id, sample_index
Face = tuple[str, int, int]  # … and face_index


@dataclass(frozen=True)
class _Crop:
    """Where the crop of a face is, and until when it may be kept."""

    path: Path
    row: int
    expires_at: datetime | None


@dataclass(frozen=True)
class _Analyses:
    """What was found in some recordings, by the analysis of each that counts."""

    lake: Path
    digests: Mapping[str, str]  # by recording_id

    def rows(self, table: str, columns: Sequence[str], only: ds.Expression | None = None) -> Iterator[Row]:
        """Rows of a table, batch by batch, so that an archive's faces are never in memory together."""
        if not (files := _files(self.lake, table)):
            return
        some = pc.field("recording_id").isin(pa.array(sorted(self.digests), pa.string()))
        wanted = some if only is None else some & only
        try:
            shards = ds.dataset([str(file) for file in files], format="parquet")
            for batch in shards.to_batches(columns=[*columns, "config_digest"], filter=wanted):
                yield from (
                    row for row in batch.to_pylist() if row["config_digest"] == self.digests[row["recording_id"]]
                )
        except (OSError, pa.ArrowException) as exc:
            raise UsageError(f"{self.lake}: its table {table} cannot be read: {exc}") from exc


def read(lake: Path) -> Found:
    """Every crop about which people agree on female or male.

    Raises:
        UsageError: the lake keeps no crops, holds no labels, or a file of it cannot be read.
    """
    labels = _labels(lake)
    digests = _digests(lake, {label["recording_id"] for label in labels})
    crops, unlabelled = _crops(lake, digests)
    answers, unmatched = _answers(_Analyses(lake, digests), labels)
    found = Found()
    now = datetime.now(UTC)
    for face, crop in crops.items():
        if face in answers:
            _add(face, crop, set(answers[face].values()), now, found)
        else:
            unlabelled += 1
    without_crop = sum(face not in crops for face in answers)
    _count(found, unlabelled, "crops", "nobody was asked about them")
    _count(found, unmatched, "labels", "no face that was found lies there")
    _count(found, without_crop, "labels", "no crop of the face was kept")
    return found


def answered(lake: Path) -> frozenset[Face]:
    """Every face (recording, sample, number) about which somebody said something; none where nobody did.

    Raises:
        UsageError: a file of the lake cannot be read.
    """
    if not _files(lake, "labels"):
        return frozenset()
    labels = _labels(lake)
    answers, _ = _answers(_Analyses(lake, _digests(lake, {label["recording_id"] for label in labels})), labels)
    return frozenset(answers)


def _add(face: Face, crop: _Crop, answers: set[str], now: datetime, found: Found) -> None:
    recording, sample, number = face
    name = f"{recording}, sample {sample}, face {number}"
    if crop.expires_at is None or crop.expires_at <= now:
        ended = "has no date of expiry" if crop.expires_at is None else f"expired on {crop.expires_at:%Y-%m-%d}"
        found.skip(name, f"the crop {ended}, so it may not be used")
    elif len(answers) > 1:
        found.skip(name, f"people do not agree: {', '.join(sorted(answers))}")
    elif not answers <= {FEMALE, MALE}:
        found.skip(name, f"the answer is {min(answers)}, not female or male")
    else:
        found.images.append(LabelledImage(crop.path, min(answers), row=crop.row))


def _count(found: Found, count: int, table: str, reason: str) -> None:
    if count:
        found.skip(f"{count:,} {table}", reason)


def _labels(lake: Path) -> list[Row]:
    """People's answers, oldest first."""
    if not lake.is_dir():
        raise UsageError(f"{lake} is no folder: give the lake, on this machine, that keeps crops and labels")
    columns = ("recording_id", "seconds", *_CORNERS, "answer", "annotator", "imported_at")
    labels = [row for file in _files(lake, "labels") for row in _rows(file, columns)]
    if not labels:
        raise UsageError(f"{lake} holds no labels, so nobody said who is on its crops: import some first")
    return sorted(labels, key=lambda label: label["imported_at"])


def _crops(lake: Path, digests: Mapping[str, str]) -> tuple[dict[Face, _Crop], int]:
    """The crops of recordings that have labels, and how many there are of others."""
    files = _files(lake, "crops")
    if not files:
        raise UsageError(f"{lake} keeps no crops of faces: none are kept unless that was switched on for the analysis")
    crops: dict[Face, _Crop] = {}
    others = 0
    for file in files:
        digest = ["config_digest"] if "config_digest" in _column_names(file) else []
        columns = ("recording_id", "sample_index", "face_index", "expires_at", *digest)
        for number, row in enumerate(_rows(file, columns)):
            recording = row["recording_id"]
            # Faces are numbered anew by each analysis: the crops of an earlier one show somebody else.
            if recording in digests and row.get("config_digest") in (None, digests[recording]):
                face = (recording, row["sample_index"], row["face_index"])
                crops[face] = _Crop(file, number, _in_utc(row["expires_at"]))
            else:
                others += 1
    return crops, others


def _answers(analyses: _Analyses, labels: Sequence[Row]) -> tuple[dict[Face, dict[str | None, str]], int]:
    """What each annotator said last of each face, and how many labels met no face."""
    moments = _moments(analyses, labels)
    faces = _faces(analyses, {moment for moment in moments if moment})
    matches: list[tuple[datetime, float, Face, Row]] = []
    for label, moment in zip(labels, moments, strict=True):
        there = faces.get(moment) if moment else None
        if moment is None or there is None:
            continue
        overlaps = _overlap(np.array([label[corner] for corner in _CORNERS]), there[1])
        best = int(np.argmax(overlaps))
        if overlaps[best] >= _OVERLAP:
            matches.append((label["imported_at"], overlaps[best], (*moment, there[0][best]), label))
    answers: dict[Face, dict[str | None, str]] = defaultdict(dict)
    for *_, face, label in sorted(matches, key=lambda match: match[:2]):  # of one import, the better match counts
        answers[face][label["annotator"]] = label["answer"]
    return dict(answers), len(labels) - len(matches)


def _moments(analyses: _Analyses, labels: Sequence[Row]) -> list[Moment | None]:
    """The sample that stands for the moment of each label; None where that was not analysed."""
    samples: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    columns = ("recording_id", "seconds", "step_seconds", "sample_index")
    for row in analyses.rows("samples", columns):
        samples[row["recording_id"]].append((row["seconds"], row["step_seconds"], row["sample_index"]))
    for there in samples.values():
        there.sort()

    def moment(recording: str, seconds: float) -> Moment | None:
        place = bisect_right(samples[recording], (seconds, math.inf)) - 1
        if place < 0:
            return None
        start, step, index = samples[recording][place]
        return (recording, index) if seconds < start + step else None

    return [moment(label["recording_id"], label["seconds"]) for label in labels]


def _faces(analyses: _Analyses, moments: set[Moment]) -> dict[Moment, tuple[list[int], NDArray[np.float64]]]:
    """The faces of each moment: their numbers, and (F, 4) boxes in pixels."""
    faces: dict[Moment, list[tuple[int, list[float]]]] = defaultdict(list)
    only = pc.field("sample_index").isin(pa.array(sorted({sample for _, sample in moments}), pa.int32()))
    columns = ("recording_id", "sample_index", "face_index", *_CORNERS)
    for row in analyses.rows("faces", columns, only):
        moment = (row["recording_id"], row["sample_index"])
        if moment in moments:
            faces[moment].append((row["face_index"], [row[corner] for corner in _CORNERS]))
    return {
        moment: ([number for number, _ in there], np.array([box for _, box in there], np.float64))
        for moment, there in faces.items()
    }


def _overlap(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of a box with each of (F, 4) boxes."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return np.asarray(common / (areas - common))


def _digests(lake: Path, recordings: set[str]) -> dict[str, str]:
    """Which analysis counts, of those recordings that were analysed."""
    rows = (row for file in _files(lake, "recordings") for row in _rows(file, ("recording_id", "config_digest")))
    return {row["recording_id"]: row["config_digest"] for row in rows if row["recording_id"] in recordings}


def _files(lake: Path, table: str) -> list[Path]:
    """The shards of a table; names that begin with a dot are still being written."""
    return sorted(path for path in (lake / table / "v1").rglob("*.parquet") if path.name[0] not in "._")


def _rows(file: Path, columns: Sequence[str]) -> list[Row]:
    try:
        rows: list[Row] = pq.ParquetFile(file).read(columns=list(columns)).to_pylist()
    except (OSError, pa.ArrowException) as exc:
        raise UsageError(f"{file} cannot be read as Parquet: {exc}") from exc
    if missing := set(columns) - set(rows[0] if rows else columns):
        raise UsageError(f"{file} has no column {', '.join(sorted(missing))}")
    return rows


def _column_names(file: Path) -> list[str]:
    try:
        return list(pq.read_schema(file).names)
    except (OSError, pa.ArrowException) as exc:
        raise UsageError(f"{file} cannot be read as Parquet: {exc}") from exc


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
