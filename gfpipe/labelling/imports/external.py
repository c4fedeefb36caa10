"""CSV files of other programs, one per recording, in folders that mirror the archive."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from gfpipe.base.progress import OnProgress, Progress
from gfpipe.errors import UsageError
from gfpipe.labelling.imports.recordings import KnownRecording, Recordings

_TOLERANCE: Final = 10.0  # seconds that a file may extend beyond the decodable part of its recording


@dataclass(frozen=True)
class ExternalFile:
    """A file to import, and the number of trailing path components that must match the recording's path."""

    path: Path
    mirrored: int = 1


@dataclass(frozen=True)
class ImportSummary:
    """The number of imported recordings, and the files that were not imported, with the reason."""

    recordings: int
    problems: tuple[tuple[Path, str], ...]


def files(sources: Iterable[Path], program: str) -> list[ExternalFile]:
    """List CSV files: those given as sources, and all below source folders, whose subfolders mirror the archive.

    Raises:
        UsageError: a source does not exist, or contains no CSV.
    """
    listed: list[ExternalFile] = []
    for source in sources:
        if not source.exists():
            raise UsageError(f"{source}: no such file or folder")
        if source.is_file():
            listed.append(ExternalFile(source))
            continue
        paths = sorted(path for path in source.rglob("*.csv") if path.is_file() and not path.name.startswith("."))
        if not paths:
            raise UsageError(f"{source}: contains no CSV; give the output folder of {program}")
        listed += [ExternalFile(path, len(path.relative_to(source).parts)) for path in paths]
    return listed


def import_files(
    files: Sequence[ExternalFile],
    recordings: Recordings,
    import_file: Callable[[Path, KnownRecording], None],
    on_progress: OnProgress,
) -> ImportSummary:
    """Match files to recordings and import each; a file for which `import_file` raises UsageError becomes a problem."""
    paths: dict[str, Path] = {}
    problems: list[tuple[Path, str]] = []
    for done, file in enumerate(files, start=1):
        on_progress(Progress("reading files", done, len(files)))
        try:
            recording = recordings.beside(PurePosixPath(file.path.absolute().as_posix()), file.mirrored)
            if earlier := paths.get(recording.recording_id):
                raise UsageError(f"is about {recording.path}, like {earlier}; keep one of the two")
            import_file(file.path, recording)
            paths[recording.recording_id] = file.path
        except UsageError as exc:
            problems.append((file.path, str(exc)))
    return ImportSummary(len(paths), tuple(problems))


def check_length(path: Path, stop: float, seconds: float | None) -> None:
    """Raise UsageError if a file extends beyond its recording; times in seconds."""
    if seconds is not None and stop > seconds + _TOLERANCE:
        raise UsageError(
            f"{path}: ends at {stop:.1f} s, but the recording ends at {seconds:.1f} s; is it about another recording?"
        )
