"""An archive that is one file: its channel and start are given, or read from its path."""

from datetime import datetime
from pathlib import Path

from gfpipe.archive.folder import MEDIA
from gfpipe.archive.pattern import Pattern
from gfpipe.archive.programmes import Listed
from gfpipe.base.files import as_text
from gfpipe.choices import DateOrder
from gfpipe.errors import UsageError
from gfpipe.tables import times


def is_recording(path: Path, start: str | None) -> bool:
    """Whether a file is a recording rather than a manifest: by its ending, or because its start is given."""
    return start is not None or path.suffix.lower().removeprefix(".") in MEDIA


def listed(path: Path, pattern: Pattern, channel: str | None, start: str | None, dates: DateOrder | None) -> Listed:
    """The recording of a file, whose path may end as the pattern says.

    Args:
        path: the file.
        pattern: pattern of paths in an archive.
        channel: its channel; None: as in its path.
        start: its start on air, as in manifests; None: as in its path.
        dates: order of dates such as 01/03/2024.

    Raises:
        UsageError: the channel or the start is neither given nor in the path, or the start is not a time.
    """
    end = Path(*path.parts[-1 - pattern.text.count("/") :])
    match = pattern.match(as_text(end.as_posix()))
    channel = channel or (match.channel if match else None)
    begin = _time(start, dates) if start else match.start if match else None
    if channel is None or begin is None:
        raise UsageError(
            f"{path} is one recording: say on which channel and when it was on air, such as --channel tv1 --start "
            "2024-03-31T20:00; to analyse many, give their folder or a manifest"
        )
    return Listed(path.name, as_text(str(path)), channel, match.programme if match else as_text(path.stem), begin)


def _time(text: str, dates: DateOrder | None) -> datetime:
    try:
        return times.parse(text, dates).on()
    except ValueError as exc:
        raise UsageError(f"--start: {exc}") from exc
