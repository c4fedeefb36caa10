"""The shards of one recording: four small Parquet files, the last of which marks it as finished; a fifth holds crops.

    LAKE/<table>/v1/channel=<channel>/month=YYYY-MM/<recording_id>.parquet

Order is everything: samples, faces and attributes take their places first, the ``recordings`` row last. A kill
before that leaves no row in ``recordings``, and what nobody vouches for is never counted.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from gfpipe import __version__
from gfpipe.errors import LakeError
from gfpipe.lake import schema
from gfpipe.lake.provenance import Provenance
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import TableWriter
from gfpipe.recording import Recording, Status, Summary, in_zone

_ROW_TABLES: Final = ("samples", "faces", "attributes")
_CROPS_AT_ONCE: Final = 100  # in a row group: one crop is read with its neighbours, a megabyte or two
_KEY: Final = ("recording_id", "config_digest")


@dataclass(frozen=True)
class Stored:
    """What the lake holds of a recording: its row of ``recordings``, and how it came about."""

    recording: Recording
    row: Mapping[str, Any]
    provenance: Provenance

    @property
    def summary(self) -> Summary:
        """What the run that wrote it came to."""
        return Summary(
            self.recording,
            Status(self.row["status"]),
            duration_seconds=self.row["duration_seconds"],
            analysed_seconds=self.row["analysed_seconds"],
            lost_seconds=self.row["lost_seconds"],
            samples=self.row["sample_count"],
            faces=self.row["face_count"],
            reason=self.row["reason"],
            reused=True,
        )


def stored(lake: str, recording: Recording) -> Stored | None:
    """The marks of a finished analysis, whatever its configuration; None where there are none.

    Raises:
        LakeError: the shard is there but cannot be read.
    """
    storage, parts = Storage(lake), _parts("recordings", recording)
    if not storage.exists(*parts):
        return None
    table = storage.read_table(*parts)
    said = {field.name: table.schema.metadata.get(f"gfpipe.{field.name}".encode()) for field in fields(Provenance)}
    kinds: dict[str, Any] = {field.name: field.type for field in fields(Provenance)}
    provenance = Provenance(**{name: kinds[name](value.decode()) for name, value in said.items() if value is not None})
    return Stored(recording, table.to_pylist()[0], provenance)


def finished(lake: str, recording: Recording, config_digest: str, min_score: float = 1.0) -> Summary | None:
    """Summary of an earlier run with the same configuration on the same file; None if there is work to do.

    A shard that stores faces only from a higher score than `min_score` is not finished. A failed recording is always
    tried again: it fails fast, and its cause may have gone.

    Raises:
        LakeError: the shard is there but cannot be read.
    """
    found = stored(lake, recording)
    if found is None or found.provenance.config_digest != config_digest or found.summary.status is Status.FAILED:
        return None
    if found.provenance.min_score > min_score or found.row["source_fingerprint"] not in (
        None,
        fingerprint(recording.path),
    ):
        return None
    return found.summary


def analysed(lake: str) -> list[Recording]:
    """Every recording of which the lake holds samples, in order of air time.

    Raises:
        LakeError: there is no such lake, or it cannot be read.
    """
    columns = ("path", "channel", "programme", "started_at", "timezone", "scheduled_seconds")
    wanted = ds.field("status") != str(Status.FAILED)
    found = Storage(lake).scan(("recordings", f"v{schema.VERSION}"), schema.RECORDINGS, columns, wanted)
    if found is None:
        raise LakeError(f"{lake}: nothing has been analysed yet; run: gfpipe analyse ARCHIVE --lake {lake}")
    return sorted((_recording(**row) for row in found.to_pylist()), key=lambda each: each.start)


def rows(lake: str, found: Stored, table: str) -> pa.Table:
    """The rows of a table that the mark vouches for, in the order in which they were written.

    Raises:
        LakeError: the shard is missing or cannot be read.
    """
    of_all_runs = Storage(lake).read_table(*_parts(table, found.recording))
    return of_all_runs.filter(pc.field("config_digest") == found.provenance.config_digest)


def fingerprint(path: str) -> str | None:
    """Size and both ends of a file, hashed: notices a file that was replaced or has grown; None if unreadable."""
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            ends = file.read(65536)
            file.seek(max(0, size - 65536))
            ends += file.read(65536)
    except OSError:
        return None
    return hashlib.blake2b(size.to_bytes(8, "little") + ends, digest_size=16).hexdigest()


class ShardWriter:
    """Takes rows batch by batch, and lets all four shards appear at the end; memory does not grow with length."""

    def __init__(self, lake: str, recording: Recording, provenance: Provenance) -> None:
        self._storage, self._recording, self._provenance = Storage(lake), recording, provenance
        self._source = {"source_bytes": _size(recording.path), "source_fingerprint": fingerprint(recording.path)}
        self._tables = {table: self._table(table) for table in (*_ROW_TABLES, "recordings")}
        self.samples = 0
        self.faces = 0
        self.analysed_seconds = 0.0

    def write(
        self,
        seconds: NDArray[np.float64],
        step_seconds: NDArray[np.float64],
        face_sample: NDArray[np.int64],
        faces: Mapping[str, Any],
        attributes: Mapping[str, Any],
        shot: NDArray[np.int32] | None = None,
    ) -> None:
        """Append samples and their faces.

        Args:
            seconds: (N,) start of each sample, from the recording's start.
            step_seconds: (N,) how much time each stands for.
            face_sample: (F,) which of the N samples each face is in, ascending.
            faces: columns of the ``faces`` table but for the keys, each (F, …).
            attributes: columns of the ``attributes`` table but for the keys, each (F, …).
            shot: (N,) which shot each sample is part of; None where nobody looked.

        Raises:
            LakeError: the disk is full or the folder forbidden.
        """
        per_sample = np.bincount(face_sample, minlength=len(seconds))
        first_face = np.cumsum(per_sample) - per_sample
        keys = {
            "sample_index": self.samples + face_sample,
            "face_index": np.arange(len(face_sample)) - first_face[face_sample],
        }
        start = np.datetime64(self._recording.start.astimezone(UTC).replace(tzinfo=None), "us")
        self._append(
            "samples",
            sample_index=self.samples + np.arange(len(seconds)),
            seconds=seconds,
            step_seconds=step_seconds,
            aired_at=start + (seconds * 1e6).round().astype("timedelta64[us]"),
            shot=shot,
            face_count=per_sample,
        )
        self._append("faces", **keys, **faces)
        self._append("attributes", **keys, **attributes, model_id=[self._provenance.classifier_id] * len(face_sample))
        self.samples += len(seconds)
        self.faces += len(face_sample)
        self.analysed_seconds += float(step_seconds.sum())

    def keep(self, attributes: pa.Table) -> None:
        """Append rows of ``attributes`` that other models left, of the same faces.

        Raises:
            LakeError: the disk is full or the folder forbidden.
        """
        columns = {name: attributes[name].combine_chunks() for name in attributes.column_names if name not in _KEY}
        self._append("attributes", **columns)

    def crops(self, columns: Mapping[str, Any], rows: int, expires_at: datetime) -> None:
        """Have crops of these faces appear with the other shards; at most once, before :meth:`finish`.

        A shard of no rows is written too: it says that crops were asked for, and there was no face to keep.

        Args:
            columns: of the ``crops`` table but for the keys, each (rows, …).
            rows: how many.
            expires_at: until when all of them may be kept.

        Raises:
            LakeError: the disk is full or the folder forbidden.
        """
        parts, metadata = crops_place(self._recording), self._metadata | {"expires_at": expires_at.isoformat()}
        self._tables["crops"] = TableWriter(self._storage, parts, schema.CROPS, metadata, _CROPS_AT_ONCE)
        self._tables["recordings"] = self._tables.pop("recordings")  # takes its place last
        self._append_to("crops", dict(columns), rows)

    def finish(self, summary: Summary, **facts: Any) -> None:
        """Put the shards in their places, the mark of completion last; ``facts`` are more columns of ``recordings``.

        Raises:
            LakeError: the disk is full or the folder forbidden.
        """
        row = _recording_row(self._recording, self._provenance, summary) | self._source | facts
        self._append("recordings", **{column: [value] for column, value in row.items()})
        for table in self._tables.values():
            table.close()
        # A mark left by another configuration must not vouch for the rows that come now.
        self._storage.delete(*_parts("recordings", self._recording))
        if "crops" not in self._tables:  # by their numbers, crops that were kept before may show other faces
            self._storage.delete(*crops_place(self._recording))
        for table in self._tables.values():
            table.commit()

    def discard(self) -> None:
        """Forget everything that was not finished."""
        for table in self._tables.values():
            table.discard()

    @property
    def _metadata(self) -> dict[str, Any]:
        return vars(self._provenance) | {"version": __version__, "schema_version": schema.VERSION} | self._source

    def _table(self, table: str) -> TableWriter:
        return TableWriter(self._storage, _parts(table, self._recording), schema.TABLES[table], self._metadata)

    def _append(self, table: str, **columns: Any) -> None:
        self._append_to(table, columns, len(next(iter(columns.values()))))

    def _append_to(self, table: str, columns: dict[str, Any], rows: int) -> None:
        key = {"recording_id": self._recording.recording_id, "config_digest": self._provenance.config_digest}
        self._tables[table].append({name: [value] * rows for name, value in key.items()} | columns, rows)


@contextmanager
def writer(lake: str, recording: Recording, provenance: Provenance) -> Iterator[ShardWriter]:
    """Open the shards of one recording; whatever was not finished is gone when the block ends.

    Raises:
        LakeError: the lake cannot be written.
    """
    shards = ShardWriter(lake, recording, provenance)
    try:
        yield shards
    finally:
        shards.discard()


def crops_place(recording: Recording) -> tuple[str, ...]:
    """Where the crops of a recording are, within the lake."""
    return _parts("crops", recording)


def _parts(table: str, recording: Recording) -> tuple[str, ...]:
    """Where a shard belongs: Hive folders, by channel and by month of air time in UTC."""
    channel = quote(recording.channel, safe="")
    month = recording.start.astimezone(UTC)
    return (
        table,
        f"v{schema.VERSION}",
        f"channel={channel}",
        f"month={month:%Y-%m}",
        f"{recording.recording_id}.parquet",
    )


def _recording_row(recording: Recording, provenance: Provenance, summary: Summary) -> dict[str, Any]:
    return {
        **schema.recording_columns(recording),
        "status": str(summary.status),
        "reason": summary.reason,
        "duration_seconds": summary.duration_seconds,
        "analysed_seconds": summary.analysed_seconds,
        "lost_seconds": summary.lost_seconds,
        "sample_count": summary.samples,
        "face_count": summary.faces,
        "sampling": provenance.sampling,
        "every_seconds": provenance.every_seconds,
        "min_score": provenance.min_score,
        "detector_id": provenance.detector_id,
        "classifier_id": provenance.classifier_id,
        **{f"{step}_seconds": seconds for step, seconds in vars(summary.timings).items()},
        "analysed_at": datetime.now(UTC),
        "gfpipe_version": __version__,
    }


def _recording(timezone: str, started_at: datetime, **known: Any) -> Recording:
    return Recording(start=in_zone(started_at, timezone), **known)


def _size(path: str) -> int | None:
    try:
        return Path(path).stat().st_size
    except OSError:
        return None
