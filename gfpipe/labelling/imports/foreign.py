"""Files that other programs wrote, one a recording: found in folders that mirror the archive's."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gfpipe.errors import UsageError
from gfpipe.labelling.imports.recordings import Known, Recordings


@dataclass(frozen=True)
class Found:
    """A file, and what its name says of the recording.

    Attributes:
        path: where it is.
        mirrored: how many parts of the path, from the last, must be those of the recording's.
    """

    path: Path
    mirrored: int = 1


def files(sources: Iterable[Path], program: str) -> Iterator[Found]:
    """CSVs given one by one, and those of folders, whose own folders must mirror the archive's.

    Raises:
        UsageError: a source is not there, or holds no CSV.
    """
    for source in sources:
        if not source.exists():
            raise UsageError(f"{source}: no such file or folder")
        if source.is_file():
            yield Found(source)
            continue
        found = sorted(path for path in source.rglob("*.csv") if path.is_file() and not path.name.startswith("."))
        if not found:
            raise UsageError(f"{source}: no CSVs in it; give the folder that {program} wrote to")
        yield from (Found(path, len(path.relative_to(source).parts)) for path in found)


def recording_of(file: Found, recordings: Recordings) -> Known:
    """The recording that a file is about.

    Raises:
        UsageError: no recording, or more than one, has that name.
    """
    return recordings.beside(PurePosixPath(file.path.absolute().as_posix()), file.mirrored)
