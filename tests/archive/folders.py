"""Folders of an archive, with files that have names only."""

from pathlib import Path


def archive(folder: Path, *names: str) -> Path:
    """Create empty files in a folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder
