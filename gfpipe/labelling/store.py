"""Stores labels and speech segments in the lake: one file per source, replaced when the source is imported again.

A source is an imported file, or one annotator's answers to one queue (`gfpipe.pages.label.answer_file`). The rows
have no ``config_digest``: they stay valid when recordings are analysed again.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec

from gfpipe.errors import UsageError
from gfpipe.labelling.imports.speech import Segment
from gfpipe.labelling.labels import Label
from gfpipe.lake import schema
from gfpipe.lake.index import places
from gfpipe.lake.index.locks import lock
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import file_of, write_whole

LABELS_FOLDER: Final = ("labels", f"v{schema.VERSION}")


@dataclass(frozen=True)
class Import:
    """A source of labels in the lake, their number, and the time of the import or of the latest answer."""

    source: str
    labels: int
    imported_at: datetime


def write_labels(lake: str, source: Path, labels: Sequence[Label]) -> int:
    """Store the labels of a file, replacing those of an earlier import of it; return the number replaced.

    Raises:
        LakeError: the lake cannot be written.
    """
    replaced = _count(lake, _parts(source))
    _write(lake, "labels", _parts(source), source, [asdict(label) for label in labels])
    return replaced


def remove_labels(lake: str, source: Path, dry_run: bool = False) -> int:
    """Remove the labels of a source, or only count them with `dry_run`; return their number.

    A source is an imported file, which need not exist any more, or ``queue NAME by ANNOTATOR``.

    Raises:
        UsageError: there are no labels of this source, or the queue is being answered at the moment.
        LakeError: the lake cannot be read or written.
    """
    storage, queue_parts = Storage(lake), (*LABELS_FOLDER, file_of(str(source)))
    is_queue = storage.exists(*queue_parts)
    parts = queue_parts if is_queue else _parts(source)
    if not storage.exists(*parts):
        sources = ", ".join(item.source for item in imports(lake)) or "nothing"
        raise UsageError(f"{_absolute(source)}: never imported into {lake}; it contains labels from: {sources}")
    labels = _count(lake, parts)
    if not dry_run:
        locked = (
            f"{source}: a running gfpipe label serve has these answers open and would write them again; stop it first"
        )
        with lock(storage, parts, locked) if is_queue else nullcontext():
            storage.delete(*parts)
    return labels


def imports(lake: str) -> tuple[Import, ...]:
    """List all sources of labels, by name; raises LakeError."""
    storage, files = Storage(lake), fsspec.core.url_to_fs(lake)[0]
    names = (PurePosixPath(path).name for path in files.glob(storage.path(*LABELS_FOLDER, "*.parquet")))
    sources = (_import(storage, name) for name in names if name[0] not in "._")
    return tuple(sorted(sources, key=lambda item: item.source))


def write_speech(lake: str, recording_id: str, source: Path, segments: Sequence[Segment]) -> None:
    """Store the speech segments of one recording, replacing earlier ones; raises LakeError."""
    rows = [{"recording_id": recording_id, **asdict(segment)} for segment in segments]
    _write(lake, "speech", places.speech_place(recording_id), source, rows)


def _parts(source: Path) -> tuple[str, ...]:
    return (*LABELS_FOLDER, file_of(_absolute(source)))


def _absolute(source: Path) -> str:
    return str(source.expanduser().resolve())


def _count(lake: str, parts: tuple[str, ...]) -> int:
    storage = Storage(lake)
    return int(storage.read_table(*parts).num_rows) if storage.exists(*parts) else 0


def _import(storage: Storage, name: str) -> Import:
    table = storage.read_table(*LABELS_FOLDER, name)
    metadata = table.schema.metadata
    if table.num_rows:
        latest = max(table["imported_at"].to_pylist())
    else:  # a queue of which only frames without faces are answered
        latest = datetime.fromisoformat(metadata[b"gfpipe.saved_at"].decode())
    return Import(metadata[b"gfpipe.source"].decode(), table.num_rows, latest)


def _write(lake: str, table: str, parts: tuple[str, ...], source: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    now = datetime.now(UTC)
    rows = [{**row, "imported_at": now} for row in rows]
    write_whole(Storage(lake), parts, schema.TABLES[table], rows, source=_absolute(source))
