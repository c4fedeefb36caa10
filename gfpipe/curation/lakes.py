"""Reads the face crops of a lake as candidates: detections, pooled probabilities and fingerprints."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.counting import Counting
from gfpipe.curation import duplicates
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.sets import Model
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import crops, shards
from gfpipe.lake.index import earlier
from gfpipe.lake.storage import Storage
from gfpipe.recording import Recording, in_zone
from gfpipe.training.data.adapters.crops import Face, labelled_faces

NOT_ANALYSED: Final = "recording not in the lake"
EARLIER: Final = "detected by an earlier analysis"
TOO_SMALL: Final = "too small to count"
UNCLASSIFIED: Final = "not classified"
LABELLED: Final = "the face or its track is labelled, and reserved for evaluation"
UNREADABLE: Final = "unreadable image"

_BATCH: Final = 256  # images in memory at once
_FACE: Final = ["sample_index", "face_index"]
_COUNTING: Final = Counting()
_EDGE: Final = 1e-6  # as in the macro pooled_probability


@array_dataclass
class CropCandidates:
    """The N usable crops of a lake, and the models that classified them.

    Attributes:
        expires_at: (N,) datetime64 in UTC, expiry of each crop.
        left_out: number of crops that are not usable, by reason.
    """

    candidates: Candidates
    expires_at: NDArray[np.datetime64]
    models: tuple[Model, ...]
    left_out: Mapping[str, int]


def read(lake: Path, on_progress: OnProgress = no_progress) -> CropCandidates:
    """Read all crops of a local lake that have not expired and belong to the current analysis of their recording.

    Raises:
        UsageError: the lake is not local, has no crops, or none is usable.
        LakeError: a shard cannot be read.
    """
    lake = lake.resolve()
    present = _present(lake)
    recordings = {recording.recording_id: recording for recording in earlier.analysed(str(lake))}
    reader = _Reader(lake, labelled_faces(lake))
    done = 0
    for (path, recording_id), rows in present.groupby(["path", "recording_id"], sort=True):
        reader.add(Path(str(path)), rows.sort_values("row"), recordings.get(str(recording_id)))
        done += len(rows)
        on_progress(Progress("reading crops", done, len(present)))
    return reader.candidates()


def _present(lake: Path) -> pd.DataFrame:
    if not lake.is_dir():
        raise UsageError(f"{lake} is not a folder; curate reads crops of local lakes only")
    present = crops.present(str(lake))
    if not present.num_rows:
        raise UsageError(_why_none(lake))
    frame: pd.DataFrame = present.to_pandas()
    return frame


def _why_none(lake: Path) -> str:
    storage = Storage(str(lake))
    names = crops.names(storage)
    command = f"gfpipe analyse ARCHIVE --lake {lake} --keep-crops --expires 30d"
    if not names:
        return f"{lake} has no crops of faces, which is the default; to store crops for thirty days, run: {command}"
    if not any(len(crops.faces(storage, name)) for name in names):
        return (
            f"{lake} has no crops: in its {len(names):,} recordings, no face counts or is within the daily limits; "
            "store crops of more or longer recordings, or raise the limits"
        )
    return (
        f"all crops in {lake} have expired; remove them with: gfpipe purge --lake {lake} --expired; then store new "
        f"ones: {command}"
    )


class _Reader:
    """Collects candidates by recording."""

    def __init__(self, lake: Path, labelled: frozenset[Face]) -> None:
        self._lake, self._labelled = lake, labelled
        self._tables: list[pd.DataFrame] = []
        self._left_out: Counter[str] = Counter()
        self._models: Counter[tuple[str, str]] = Counter()
        self._tracks = 0

    def add(self, path: Path, rows: pd.DataFrame, recording: Recording | None) -> None:
        """Add the usable crops of one shard."""
        stored = recording and shards.stored(str(self._lake), recording)
        if not stored:
            self._left_out[NOT_ANALYSED] += len(rows)
            return
        rows = self._all_but(rows, rows["config_digest"] == stored.provenance.config_digest, EARLIER)
        faces = _faces(str(self._lake), stored, self._labelled)
        rows = rows.drop(columns="track_id").merge(faces, on=_FACE, how="left")
        rows = self._all_but(rows, rows["counted"] == True, TOO_SMALL)  # noqa: E712 - nor if it is missing
        rows = self._all_but(rows, rows["p_female"].notna(), UNCLASSIFIED)
        rows = self._all_but(rows, rows["labelled"] == False, LABELLED)  # noqa: E712
        shard = path if path.is_absolute() else self._lake / path
        prints = _fingerprints(shard, rows["row"].to_numpy())
        rows = self._all_but(rows, pd.Series([value is not None for value in prints], rows.index, bool), UNREADABLE)
        rows = rows.assign(
            path=str(shard), fingerprint=np.array([value for value in prints if value is not None], np.uint64)
        )
        track = rows["track_id"]
        rows["track"] = np.where(track.notna(), track.fillna(0) + self._tracks, -1).astype(np.int64)
        self._tracks += int(track.max()) + 1 if track.notna().any() else 0
        self._models[stored.provenance.classifier_id, stored.provenance.classifier_sha256] += len(rows)
        self._tables.append(rows.assign(programme=stored.recording.programme, channel=stored.recording.channel))

    def candidates(self) -> CropCandidates:
        """Return all candidates; raises UsageError if there is none."""
        if not any(map(len, self._tables)):
            reasons = "; ".join(f"{count:,} {reason}" for reason, count in self._left_out.items())
            raise UsageError(f"{self._lake}: none of its crops is usable: {reasons}")
        table = pd.concat(self._tables, ignore_index=True)
        names = ("path", "recording_id", "config_digest", "programme", "channel")
        candidates = Candidates(
            **{name: table[name].to_numpy(np.str_) for name in names},
            **{name: table[name].to_numpy(np.int64) for name in ("row", *_FACE, "track", "hour")},
            p_female=table["p_female"].to_numpy(np.float64),
            face_pixels=table["height_360"].to_numpy(np.float64),
            fingerprint=table["fingerprint"].to_numpy(np.uint64),
        )
        expires_at = table["expires_at"].dt.tz_convert(None).to_numpy("datetime64[us]")
        models = tuple(Model(*model, faces) for model, faces in self._models.most_common())
        return CropCandidates(candidates, expires_at, models, {**self._left_out})

    def _all_but(self, rows: pd.DataFrame, usable: "pd.Series[bool]", reason: str) -> pd.DataFrame:
        if count := int((~usable).sum()):
            self._left_out[reason] += count
        return rows[usable].copy()


def _faces(lake: str, stored: shards.Stored, labelled: frozenset[Face]) -> pd.DataFrame:
    """Faces of a recording: pooled p_female, height_360, counted, track_id, hour, labelled."""
    faces = _columns(shards.rows(lake, stored, "faces"), [*_FACE, "height_360", "detector_score", "track_id"])
    is_detected = faces.pop("detector_score") >= np.float32(_COUNTING.min_score)
    faces["counted"] = is_detected & (faces["height_360"] >= _COUNTING.min_face)
    attributes = shards.rows(lake, stored, "attributes").to_pandas()
    own = (attributes["model_id"] == stored.provenance.classifier_id) & attributes["p_female"].between(0, 1)
    faces = faces.merge(attributes[own][[*_FACE, "p_female"]], on=_FACE, how="left")
    faces["p_female"] = _pooled(faces)
    keys = zip(faces["sample_index"], faces["face_index"], strict=True)
    faces["labelled"] = [(stored.recording.recording_id, *key) in labelled for key in keys]
    faces["labelled"] |= faces.groupby("track_id")["labelled"].transform("any").eq(True)  # missing without a track
    samples = _columns(shards.rows(lake, stored, "samples"), ["sample_index", "aired_at"])
    aired: Iterable[datetime] = samples["aired_at"]
    samples["hour"] = [in_zone(time, stored.recording.timezone).hour for time in aired]
    return faces.merge(samples[["sample_index", "hour"]], on="sample_index")


def _pooled(faces: pd.DataFrame) -> "pd.Series[float]":
    """Sigmoid of the mean logit of each track's faces that count; a face without a track keeps its own."""
    p = np.clip(faces["p_female"].to_numpy(np.float64), _EDGE, 1 - _EDGE)
    logit = pd.Series(np.log(p) - np.log1p(-p), faces.index)
    counted = logit.where(faces["counted"])
    pooled = counted.groupby(faces["track_id"]).transform("mean").where(faces["track_id"].notna(), logit)
    return pd.Series(1 / (1 + np.exp(-pooled.to_numpy(np.float64))), faces.index)


def _columns(table: Any, names: list[str]) -> pd.DataFrame:
    frame: pd.DataFrame = table.select(names).to_pandas()
    return frame


def _fingerprints(shard: Path, rows: NDArray[np.int64]) -> list[int | None]:
    """Fingerprint of each image; None for unreadable ones."""
    try:
        return [_fingerprint(jpeg) for jpeg in _jpegs(shard, rows)]
    except (OSError, pa.ArrowException) as exc:
        raise LakeError(f"{shard}: cannot be read as Parquet: {exc}") from exc


def _fingerprint(jpeg: bytes | None) -> int | None:
    try:
        return duplicates.fingerprint(jpeg or b"")
    except ValueError:
        return None


def _jpegs(shard: Path, rows: NDArray[np.int64]) -> Iterator[Any]:
    """Yield the images of some rows, in ascending order, a batch at a time."""
    start = 0
    with pq.ParquetFile(shard) as file:
        for batch in file.iter_batches(_BATCH, columns=["jpeg"]):
            here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(batch))]
            yield from batch["jpeg"].take(pa.array(here - start)).to_pylist()
            start += len(batch)
