"""Earlier analyses of recordings, by the index: a recording whose files are as they were is not opened."""

import json
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from gfpipe.errors import LakeError
from gfpipe.lake import schema, shards
from gfpipe.lake.index import analyses, files, holdings, slices
from gfpipe.lake.index.holdings import Holdings
from gfpipe.lake.provenance import Provenance
from gfpipe.lake.shards import Stored
from gfpipe.lake.storage import Storage
from gfpipe.recording import Recording, Status, in_zone


def finished(
    lake: str, recordings: Iterable[Recording], provenance: Provenance, min_score: float = 1.0
) -> Iterator[Stored | None]:
    """For each recording its analysis, as :func:`gfpipe.lake.shards.finished` says; None: there is work to do.

    One that failed on the same file is returned too: the caller decides when it is tried again. Damaged shards are set
    aside.

    Raises:
        LakeError: the lake cannot be read or written.
    """
    held = holdings.read(lake, *schema.ANALYSED)
    rows = _complete(held)
    sources, positions = analyses.Sources(rows), {id_: row for row, id_ in enumerate(rows["recording_id"].to_pylist())}
    outcomes = {name: rows[name].to_pylist() for name in (*shards.OUTCOME, "source_fingerprint")}
    metadata, configurations = rows["metadata"].to_pylist(), _Configurations()
    try:
        for recording in recordings:
            row = positions.get(recording.recording_id)
            if row is None:
                yield None
                continue
            known, earlier = configurations.of(metadata[row])
            sound = known.same_faces(provenance) and known.min_score <= min_score
            values = {name: column[row] for name, column in outcomes.items()}
            is_same = sound and sources.is_same(row, recording.path)
            yield Stored(recording, values, known, earlier) if is_same else None
    finally:
        sources.save(Storage(lake))


def analysed(lake: str) -> list[Recording]:
    """All successfully analysed recordings, in order of air time.

    Raises:
        LakeError: there is no such lake, or it cannot be read.
    """
    storage = Storage(lake)
    if not storage.exists("recordings", f"v{schema.VERSION}"):
        raise LakeError(f"{lake}: nothing has been analysed yet; run: gfpipe analyse ARCHIVE --lake {lake}")
    columns = ("path", "channel", "programme", "started_at", "timezone", "scheduled_seconds")
    rows = every(lake).filter(pc.field("status") != str(Status.FAILED)).select(columns).to_pylist()
    found = (Recording(start=in_zone(row.pop("started_at"), row.pop("timezone")), **row) for row in rows)
    return sorted(found, key=lambda recording: recording.start)


def every(lake: str) -> pa.Table:
    """The rows of ``recordings`` that count; raises LakeError."""
    return holdings.read(lake, *schema.ANALYSED).analyses


def _complete(held: Holdings) -> pa.Table:
    """The analyses whose shards are all there and sound."""
    damaged = {item.recording_id for item in held.damaged}
    own = ({PurePosixPath(name).stem for name in files.names(held.files, table)} for table in shards.ROW_TABLES)
    whole = set.intersection(*own) - damaged
    is_slice = pc.ends_with(held.analyses["file"], slices.NAME)
    ids = held.analyses["recording_id"]
    sliced = pc.and_(is_slice, pc.invert(pc.is_in(ids, pa.array(sorted(damaged), pa.string()))))
    return held.analyses.filter(pc.or_(sliced, pc.is_in(ids, pa.array(sorted(whole), pa.string()))))


class _Configurations:
    """Configurations by the metadata of a shard: an archive has few."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Provenance, dict[str, str]]] = {}

    def of(self, metadata: str) -> tuple[Provenance, dict[str, str]]:
        if metadata not in self._known:
            self._known[metadata] = shards.configuration(json.loads(metadata))
        return self._known[metadata]
