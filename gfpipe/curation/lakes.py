"""The crops that a lake keeps, as candidates.

crops, recording by recording -> their faces -> their probabilities, pooled over tracks -> what each picture looks like
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.curation import duplicates
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.sets import Model
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import crops, shards
from gfpipe.lake.storage import Storage
from gfpipe.progress import OnProgress, Progress, no_progress
from gfpipe.recording import Recording, in_zone
from gfpipe.training.data.adapters.crops import Face, answered

NOT_ANALYSED: Final = "its recording is not in the lake"
EARLIER: Final = "found by an earlier analysis of its recording"
TOO_SMALL: Final = "too small to count"
UNCLASSIFIED: Final = "no model has read the face"
ASKED: Final = "people labelled it or its track, which is kept to measure on"
UNREADABLE: Final = "the picture cannot be read"

_BATCH: Final = 256  # pictures in memory at once
_FACE: Final = ["sample_index", "face_index"]
_EDGE: Final = 1e-6  # as in the macro pooled_probability


@dataclass(frozen=True, eq=False)
class Found:
    """What a lake has to offer.

    Attributes:
        candidates: N of them.
        expires_at: (N,) until when each crop may be kept; datetime64 in UTC.
        models: which read them; more than one where history is not under one model.
        left_out: crops that are no candidates, by reason.
    """

    candidates: Candidates
    expires_at: NDArray[np.datetime64]
    models: tuple[Model, ...]
    left_out: Mapping[str, int]


def read(lake: Path, on_progress: OnProgress = no_progress) -> Found:
    """Every crop that may still be used, and that the analysis of its recording vouches for.

    Args:
        lake: on this machine.
        on_progress: receives the crops read, and how many there are.

    Raises:
        UsageError: the lake is elsewhere, keeps no crops, or all have expired.
        LakeError: a shard cannot be read.
    """
    lake = lake.resolve()
    present = _present(lake)
    recordings = {recording.recording_id: recording for recording in shards.analysed(str(lake))}
    reading = _Reading(lake, answered(lake))
    done = 0
    for (path, recording_id), rows in present.groupby(["path", "recording_id"], sort=True):
        reading.add(Path(str(path)), rows.sort_values("row"), recordings.get(str(recording_id)))
        done += len(rows)
        on_progress(Progress("reading crops", done, len(present)))
    return reading.found()


def _present(lake: Path) -> pd.DataFrame:
    if not lake.is_dir():
        raise UsageError(f"{lake} is no folder; curate reads crops on this machine: give the folder of a lake")
    present = crops.present(str(lake))
    if not present.num_rows:
        raise UsageError(_why_none(lake))
    frame: pd.DataFrame = present.to_pandas()
    return frame


def _why_none(lake: Path) -> str:
    storage = Storage(str(lake))
    names = crops.names(storage)
    again = f"gfpipe analyse ARCHIVE --lake {lake} --keep-crops --expires 30d"
    if not names:
        return f"{lake} keeps no crops of faces, as is the default; to have some kept for thirty days, run: {again}"
    if not any(len(crops.faces(storage, name)) for name in names):
        return (
            f"{lake} keeps crops, but of the {len(names):,} recordings none showed a face that counts, or none was "
            "within the limits on crops of a day: keep those of more or longer recordings, or raise the limits"
        )
    return (
        f"every crop in {lake} has expired and may not be used; remove them with: gfpipe purge --lake {lake} "
        f"--expired; then keep new ones: {again}"
    )


class _Reading:
    """Gathers candidates, recording by recording."""

    def __init__(self, lake: Path, asked: frozenset[Face]) -> None:
        self._lake, self._asked = lake, asked
        self._tables: list[pd.DataFrame] = []
        self._left_out: Counter[str] = Counter()
        self._models: Counter[tuple[str, str]] = Counter()
        self._tracks = 0

    def add(self, path: Path, rows: pd.DataFrame, recording: Recording | None) -> None:
        """Take what can be taken of one shard."""
        stored = recording and shards.stored(str(self._lake), recording)
        if not stored:
            self._left_out[NOT_ANALYSED] += len(rows)
            return
        rows = self._all_but(rows, rows["config_digest"] == stored.provenance.config_digest, EARLIER)
        rows = rows.drop(columns="track_id").merge(_faces(str(self._lake), stored, self._asked), on=_FACE, how="left")
        rows = self._all_but(rows, rows["below_min_face"] == False, TOO_SMALL)  # noqa: E712 - nor where it is missing
        rows = self._all_but(rows, rows["p_female"].notna(), UNCLASSIFIED)
        rows = self._all_but(rows, rows["asked"] == False, ASKED)  # noqa: E712
        shard = path if path.is_absolute() else self._lake / path
        prints = _prints(shard, rows["row"].to_numpy())
        rows = self._all_but(rows, pd.Series([known is not None for known in prints], rows.index, bool), UNREADABLE)
        rows = rows.assign(
            path=str(shard), fingerprint=np.array([known for known in prints if known is not None], np.uint64)
        )
        track = rows["track_id"]
        rows["track"] = np.where(track.notna(), track.fillna(0) + self._tracks, -1).astype(np.int64)
        self._tracks += int(track.max()) + 1 if track.notna().any() else 0
        self._models[stored.provenance.classifier_id, stored.provenance.classifier_sha256] += len(rows)
        self._tables.append(rows.assign(programme=stored.recording.programme, channel=stored.recording.channel))

    def found(self) -> Found:
        """All of them.

        Raises:
            UsageError: there is none.
        """
        if not any(map(len, self._tables)):
            why = "; ".join(f"{count:,} {reason}" for reason, count in self._left_out.items())
            raise UsageError(f"{self._lake}: of its crops not one can be used: {why}")
        table = pd.concat(self._tables, ignore_index=True)
        candidates = Candidates(
            **{name: table[name].to_numpy(np.str_) for name in ("path", "recording_id", "config_digest")},
            **{name: table[name].to_numpy(np.str_) for name in ("programme", "channel")},
            **{name: table[name].to_numpy(np.int64) for name in ("row", *_FACE, "track", "hour")},
            p_female=table["p_female"].to_numpy(np.float64),
            face_pixels=table["height_360"].to_numpy(np.float64),
            fingerprint=table["fingerprint"].to_numpy(np.uint64),
        )
        expires_at = table["expires_at"].dt.tz_convert(None).to_numpy("datetime64[us]")
        models = (Model(*known, faces) for known, faces in self._models.most_common())
        return Found(candidates, expires_at, tuple(models), {**self._left_out})

    def _all_but(self, rows: pd.DataFrame, kept: "pd.Series[bool]", reason: str) -> pd.DataFrame:
        if gone := int((~kept).sum()):
            self._left_out[reason] += gone
        return rows[kept].copy()


def _faces(lake: str, stored: shards.Stored, asked: frozenset[Face]) -> pd.DataFrame:
    """The faces of a recording: p_female, pooled over the track, height_360, below_min_face, track_id, hour, asked."""
    faces = _columns(shards.rows(lake, stored, "faces"), [*_FACE, "height_360", "below_min_face", "track_id"])
    read = shards.rows(lake, stored, "attributes").to_pandas()
    read = read[(read["model_id"] == stored.provenance.classifier_id) & read["p_female"].between(0, 1)]
    faces = faces.merge(read[[*_FACE, "p_female"]], on=_FACE, how="left")
    faces["p_female"] = _pooled(faces)
    keys = zip(faces["sample_index"], faces["face_index"], strict=True)
    faces["asked"] = [(stored.recording.recording_id, *key) in asked for key in keys]
    faces["asked"] |= faces.groupby("track_id")["asked"].transform("any").eq(True)  # unknown without a track
    samples = _columns(shards.rows(lake, stored, "samples"), ["sample_index", "aired_at"])
    aired: Iterable[datetime] = samples["aired_at"]
    samples["hour"] = [in_zone(moment, stored.recording.timezone).hour for moment in aired]
    return faces.merge(samples[["sample_index", "hour"]], on="sample_index")


def _pooled(faces: pd.DataFrame) -> "pd.Series[float]":
    """The sigmoid of the mean of the logits of each track's faces that count; of a face without a track, its own."""
    p = np.clip(faces["p_female"].to_numpy(np.float64), _EDGE, 1 - _EDGE)
    logit = pd.Series(np.log(p) - np.log1p(-p), faces.index)
    counted = logit.where(~faces["below_min_face"])
    pooled = counted.groupby(faces["track_id"]).transform("mean").where(faces["track_id"].notna(), logit)
    return pd.Series(1 / (1 + np.exp(-pooled.to_numpy(np.float64))), faces.index)


def _columns(table: Any, names: list[str]) -> pd.DataFrame:
    frame: pd.DataFrame = table.select(names).to_pandas()
    return frame


def _prints(shard: Path, rows: NDArray[np.int64]) -> list[int | None]:
    """What each picture looks like; None where it is none."""
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
    """The pictures in some rows, ascending; a few at a time are in memory."""
    start = 0
    with pq.ParquetFile(shard) as file:
        for batch in file.iter_batches(_BATCH, columns=["jpeg"]):
            here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(batch))]
            yield from batch["jpeg"].take(pa.array(here - start)).to_pylist()
            start += len(batch)
