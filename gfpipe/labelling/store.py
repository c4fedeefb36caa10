"""Labels and speech in the lake: one file for each source, replaced when the source is imported again.

A source is a file that was imported, or the answers of one annotator to one queue (`gfpipe.labelling.page.sheet`).

They carry no ``config_digest``: what a human answered, or was heard, survives a new analysis of the pictures.
"""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec

from gfpipe.errors import UsageError
from gfpipe.labelling.imports.speech import Segment
from gfpipe.labelling.labels import Label
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage, disk_errors
from gfpipe.lake.tables import file_of, write_whole

LABELS_FOLDER: Final = ("labels", f"v{schema.VERSION}")


@dataclass(frozen=True)
class Import:
    """A file of labels that the lake holds.

    Attributes:
        source: where the file was, or ``queue NAME by ANNOTATOR``.
        labels: how many are in it.
        imported_at: when; of a queue, when the last answer was given.
    """

    source: str
    labels: int
    imported_at: datetime


def write_labels(lake: str, source: Path, labels: Sequence[Label]) -> int:
    """Keep the labels of one file; those of an earlier import of the same file are replaced.

    Returns:
        How many labels were replaced.

    Raises:
        LakeError: the lake cannot be written.
    """
    replaced = _count(lake, _place(source))
    _write(lake, "labels", _place(source), source, [asdict(label) for label in labels])
    return replaced


def remove_labels(lake: str, source: Path, dry_run: bool = False) -> int:
    """Take back what was imported from a file, which need not exist any more, or answered at a queue.

    Args:
        lake: the lake's folder or URL.
        source: the file, or ``queue NAME by ANNOTATOR`` as :func:`imports` says.
        dry_run: leave everything as it is.

    Returns:
        How many labels are (or, on a dry run, would be) gone.

    Raises:
        UsageError: nothing was imported from it, or somebody is answering the queue just now.
        LakeError: the lake cannot be read or written.
    """
    storage, answered = Storage(lake), (*LABELS_FOLDER, file_of(str(source)))
    place = answered if storage.exists(*answered) else _place(source)
    if not storage.exists(*place):
        there = ", ".join(each.source for each in imports(lake)) or "nothing"
        raise UsageError(f"{_absolute(source)}: never imported into {lake}; it holds labels from: {there}")
    labels = _count(lake, place)
    if not dry_run:
        busy = f"{source}: a gfpipe label serve has these answers open, and would write them again; stop it first"
        with held(storage, place, busy) if place == answered else nullcontext():
            storage.delete(*place)
    return labels


@contextmanager
def held(storage: Storage, place: tuple[str, ...], busy: str) -> Iterator[None]:
    """Hold a file of answers: two programs that both write the whole file would lose each other's.

    Nothing is held on an object store, which has no locks.

    Raises:
        UsageError: another process holds it; `busy` says what to do.
        LakeError: the folder is forbidden.
    """
    if not storage.is_local:
        yield
        return
    path = Path(storage.path(*place[:-1], f".{place[-1]}.lock"))
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise UsageError(busy) from exc
        yield


def imports(lake: str) -> tuple[Import, ...]:
    """Every file of labels that was imported, and every queue that was answered, by name.

    Raises:
        LakeError: the lake cannot be read.
    """
    storage, files = Storage(lake), fsspec.core.url_to_fs(lake)[0]
    found = files.glob(storage.path(*LABELS_FOLDER, "*.parquet"))
    names = (PurePosixPath(path).name for path in found)
    return tuple(
        sorted((_import(storage, name) for name in names if name[0] not in "._"), key=lambda each: each.source)
    )


def write_speech(lake: str, recording_id: str, source: Path, segments: Sequence[Segment]) -> None:
    """Keep what was heard in one recording; what an earlier import said of it is replaced.

    Raises:
        LakeError: the lake cannot be written.
    """
    rows = [{"recording_id": recording_id, **asdict(segment)} for segment in segments]
    _write(lake, "speech", ("speech", f"v{schema.VERSION}", f"{recording_id}.parquet"), source, rows)


def _place(source: Path) -> tuple[str, ...]:
    return (*LABELS_FOLDER, file_of(_absolute(source)))


def _absolute(source: Path) -> str:
    return str(source.expanduser().resolve())


def _count(lake: str, place: tuple[str, ...]) -> int:
    storage = Storage(lake)
    return int(storage.read_table(*place).num_rows) if storage.exists(*place) else 0


def _import(storage: Storage, name: str) -> Import:
    table = storage.read_table(*LABELS_FOLDER, name)
    said = table.schema.metadata
    if table.num_rows:
        last = max(table["imported_at"].to_pylist())
    else:  # pictures without faces, and none with
        last = datetime.fromisoformat(said[b"gfpipe.saved_at"].decode())
    return Import(said[b"gfpipe.source"].decode(), table.num_rows, last)


def _write(lake: str, table: str, place: tuple[str, ...], source: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    now = datetime.now(UTC)
    stamped = [{**row, "imported_at": now} for row in rows]
    write_whole(Storage(lake), place, schema.TABLES[table], stamped, source=_absolute(source))
