"""The shards of a recording: four Parquet files, and a fifth for crops.

    LAKE/<table>/v1/channel=<channel>/month=YYYY-MM/<recording_id>.parquet
    LAKE/recordings/v1/month=YYYY-MM/<recording_id>.parquet

The row in ``recordings`` is written last and marks the others as complete: rows without it are not counted. Shards of
closed months are in compacted files (:mod:`gfpipe.lake.index.slices`) unless the recording has that row in a file.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gfpipe import __version__
from gfpipe.base import regular
from gfpipe.errors import LakeError
from gfpipe.lake import schema
from gfpipe.lake.index import slices
from gfpipe.lake.index.places import place, settle
from gfpipe.lake.provenance import Provenance
from gfpipe.lake.storage import Storage, set_aside_name
from gfpipe.lake.tables import Row, TableWriter
from gfpipe.recording import Recording, Status, Summary

ROW_TABLES: Final = ("samples", "faces", "attributes")
CROPS_AT_ONCE: Final = 100  # crops per row group, which is read as a whole: a megabyte or two
_KEY: Final = ("recording_id", "config_digest")
_MISSING: Final = "it is missing"
UNREAD: Final = MappingProxyType({"source_bytes": None, "source_fingerprint": None})  # of a file that was not opened
_OUTCOME: Final = ("reason", "duration_seconds", "analysed_seconds", "lost_seconds")
# Columns of ``recordings`` from which a summary is made.
OUTCOME: Final = (
    *("config_digest", "status", "sample_count", "face_count", "note", *_OUTCOME),
    *("analysed_at", "failing_since", "attempts"),
)
_CONFIGURATION: Final = ("sampling", "every_seconds", "min_score", "detector_id", "classifier_id")


@dataclass(frozen=True)
class Stored:
    """A finished analysis: its row in ``recordings``, its configuration, and SHA-256 of earlier models by id.

    Predictions of the earlier models are in ``attributes`` too. From the index of analyses, the row has only the
    columns of `OUTCOME` and the fingerprint.
    """

    recording: Recording
    row: Mapping[str, Any]
    provenance: Provenance
    earlier: Mapping[str, str]

    @property
    def models(self) -> dict[str, str]:
        """SHA-256 of the models that have classified all faces, by id."""
        return {**self.earlier, self.provenance.classifier_id: self.provenance.classifier_sha256}

    @property
    def summary(self) -> Summary:
        """The summary of the run that wrote it."""
        return Summary(
            self.recording,
            Status(self.row["status"]),
            samples=self.row["sample_count"],
            faces=self.row["face_count"],
            reused=True,
            note=self.row.get("note"),  # shards of earlier versions have none
            classifier_id=self.provenance.classifier_id,
            **{name: self.row[name] for name in _OUTCOME},
        )


def stored(lake: str, recording: Recording) -> Stored | None:
    """Read the row in ``recordings`` under any configuration; None if there is none.

    Raises:
        LakeError: the shard cannot be read.
    """
    table = read(settle(lake), "recordings", recording)
    if table is None:
        return None
    facts = {key.decode(): text.decode() for key, text in table.schema.metadata.items()}
    return Stored(recording, table.to_pylist()[0], *configuration(facts))


def configuration(metadata: Mapping[str, str]) -> tuple[Provenance, dict[str, str]]:
    """The configuration in the metadata of a shard, and SHA-256 of the earlier models by id."""
    facts = {key.removeprefix("gfpipe."): text for key, text in metadata.items()}
    return Provenance.parse(facts), json.loads(facts.get("earlier_models", "{}"))


def finished(lake: str, recording: Recording, provenance: Provenance, min_score: float = 1.0) -> Stored | None:
    """An earlier analysis that found the same faces in the same file; None if there is work to do.

    It may have another classifier: `reclassify` changes that. A shard that stores faces only from a higher score than
    `min_score`, or is damaged or missing, is not finished, and neither is one that
    failed. :func:`gfpipe.lake.index.earlier.finished` is faster for many recordings.
    """
    storage = settle(lake)
    if problem(storage, recording):
        return None
    analysis = stored(lake, recording)
    if analysis is None or not analysis.provenance.same_faces(provenance):
        return None
    if analysis.summary.status is Status.FAILED or analysis.provenance.min_score > min_score:
        return None
    known = analysis.row["source_fingerprint"]
    return analysis if known is None or known == regular.fingerprint(recording.path) else None


def problem(storage: Storage, recording: Recording) -> str | None:
    """Why the shards of a recording must not be believed; None if they may."""
    places = [place(table, recording) for table in schema.ANALYSED]
    if has_own(storage, recording):
        return next(filter(None, (storage.problem(*parts) for parts in places)), None)
    try:
        tables = [slices.read(storage, *parts) for parts in places]
    except LakeError as exc:
        return str(exc)
    return _MISSING if any(table is None for table in tables) else None


def rows(lake: str, analysis: Stored, table: str) -> pa.Table:
    """Read an analysis' rows of a table, in the order in which they were written.

    Raises:
        LakeError: the shard is missing or cannot be read.
    """
    storage = Storage(lake)
    shard = read(storage, table, analysis.recording)
    if shard is None:
        raise LakeError(f"{storage.path(*place(table, analysis.recording))}: {_MISSING}; {schema.remedy(table)}")
    return shard.filter(pc.field("config_digest") == analysis.provenance.config_digest)


def read(storage: Storage, table: str, recording: Recording) -> pa.Table | None:
    """The shard of a recording, with its metadata; None if there is none.

    Raises:
        LakeError: the shard cannot be read.
    """
    shard = place(table, recording)
    for is_last in (False, True):
        if not has_own(storage, recording) and (found := slices.read(storage, *shard)) is not None:
            return found
        try:
            return storage.read_table(*shard) if storage.exists(*shard) else None
        except LakeError:
            if is_last or storage.exists(*shard):
                raise  # else it was compacted just now
    return None


def has_own(storage: Storage, recording: Recording) -> bool:
    """Whether a recording has files of its own, though damaged."""
    *folders, name = place("recordings", recording)
    return storage.exists(*folders, name) or storage.exists(*folders, set_aside_name(name))


class ShardWriter:
    """Writes the shards of a recording in batches; they appear with :meth:`finish`."""

    def __init__(
        self, lake: str, recording: Recording, provenance: Provenance, source: Row, earlier: Mapping[str, str]
    ) -> None:
        self._storage, self._recording, self._provenance = Storage(lake), recording, provenance
        self._source, self._earlier = source, earlier
        self._tables = {table: self._table(table) for table in (*ROW_TABLES, "recordings")}
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
            step_seconds: (N,) time that each sample represents.
            face_sample: (F,) index of each face's sample in the batch, ascending.
            faces: columns of ``faces`` except the keys, (F, …) each.
            attributes: columns of ``attributes`` except the keys, (F, …) each.
            shot: (N,) shot of each sample; None if shots were not detected.

        Raises:
            LakeError: the lake cannot be written.
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

    def keep(self, table: str, rows: pa.Table) -> None:
        """Append rows of an earlier analysis with the same faces; raises as :meth:`write` does."""
        columns = {name: rows[name].combine_chunks() for name in rows.column_names if name not in _KEY}
        self._append(table, **columns)

    def crops(self, columns: Mapping[str, Any], rows: int, expires_at: datetime) -> None:
        """Write the shard of crops, even without rows; at most once, before :meth:`finish`.

        ``columns`` are those of ``crops`` except the keys, (rows, …) each. Raises as :meth:`write` does.
        """
        parts, metadata = place("crops", self._recording), self._metadata | {"expires_at": expires_at.isoformat()}
        self._tables["crops"] = TableWriter(self._storage, parts, schema.CROPS, metadata, CROPS_AT_ONCE)
        self._tables["recordings"] = self._tables.pop("recordings")  # committed last
        self._append_to("crops", dict(columns), rows)

    def finish(self, summary: Summary, **facts: Any) -> None:
        """Commit the shards, ``recordings`` last, with further columns ``facts``; raises as :meth:`write` does."""
        row = _recording_row(self._recording, self._provenance, summary) | {**self._source, **facts}
        self._append("recordings", **{column: [value] for column, value in row.items()})
        for table in self._tables.values():
            table.close()
        # An old row in `recordings` must not mark the new rows as complete.
        self._storage.delete(*place("recordings", self._recording))
        if "crops" not in self._tables:  # the indices of old crops may be those of other faces now
            self._storage.delete(*place("crops", self._recording))
        for table in self._tables.values():
            table.commit()

    def discard(self) -> None:
        """Remove everything that was not finished."""
        for table in self._tables.values():
            table.discard()

    @property
    def _metadata(self) -> dict[str, Any]:
        facts = {"version": __version__, "schema_version": schema.VERSION, **self._source}
        return self._provenance.metadata | facts | {"earlier_models": json.dumps(dict(self._earlier))}

    def _table(self, table: str) -> TableWriter:
        return TableWriter(self._storage, place(table, self._recording), schema.TABLES[table], self._metadata)

    def _append(self, table: str, **columns: Any) -> None:
        self._append_to(table, columns, len(next(iter(columns.values()))))

    def _append_to(self, table: str, columns: dict[str, Any], rows: int) -> None:
        key = {"recording_id": self._recording.recording_id, "config_digest": self._provenance.config_digest}
        self._tables[table].append({name: [value] * rows for name, value in key.items()} | columns, rows)


@contextmanager
def writer(
    lake: str,
    recording: Recording,
    provenance: Provenance,
    *,
    source: Row | None = None,
    earlier: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[ShardWriter]:
    """Open the shards of a recording; without :meth:`ShardWriter.finish` nothing is written.

    Args:
        lake: folder or URL of the shards.
        recording: the file.
        provenance: of the rows.
        source: ``source_bytes`` and ``source_fingerprint``; by default they are read from the file.
        earlier: SHA-256 of the other models whose predictions are kept, by id.

    Raises:
        LakeError: the lake cannot be written.
    """
    shards = ShardWriter(lake, recording, provenance, source or regular.source(recording.path), earlier)
    try:
        yield shards
    finally:
        shards.discard()


def _recording_row(recording: Recording, provenance: Provenance, summary: Summary) -> dict[str, Any]:
    return {
        **schema.recording_columns(recording),
        "status": str(summary.status),
        **{name: getattr(summary, name) for name in (*_OUTCOME, "note")},
        "sample_count": summary.samples,
        "face_count": summary.faces,
        **{name: getattr(provenance, name) for name in _CONFIGURATION},
        **{f"{step}_seconds": seconds for step, seconds in vars(summary.timings).items()},
        "analysed_at": datetime.now(UTC),
        "gfpipe_version": __version__,
    }
