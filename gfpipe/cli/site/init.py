"""``gfpipe init``."""

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from typer import Option

from gfpipe.cli import console
from gfpipe.cli.options import command
from gfpipe.errors import GfpipeError, UsageError
from gfpipe.output.formats import counted

if TYPE_CHECKING:
    from gfpipe.archive.manifest import Manifest

_SHOWN: Final = 3  # recordings
_QUESTIONS: Final = {
    "archive": "Folder of the recordings",
    "timezone": "Time zone of their start times, such as Europe/Paris",
    "lake": "Folder for the results",
}

app = typer.Typer()


@command(
    app,
    "gfpipe init",
    "gfpipe init --archive /archive --timezone Europe/Paris --lake /lake --config /etc/gfpipe.toml",
)
def init(
    *,
    archive: Annotated[str | None, Option(help="Folder of recordings, or a manifest.")] = None,
    timezone: Annotated[str | None, Option(help="Time zone of start times that have none.")] = None,
    lake: Annotated[str | None, Option(help="Folder for the results.")] = None,
    pattern: Annotated[str | None, Option(help="Pattern of the paths; default: that which most files fit.")] = None,
    file: Annotated[Path, Option("--config", metavar="FILE", help="Settings to write.")] = Path("gfpipe.toml"),
    force: Annotated[bool, Option(help="Overwrite the settings.")] = False,
) -> None:
    """Write the settings of a site: asks for archive, time zone and lake, and proposes the pattern of the paths.

    Twenty files of the archive are looked at. What the pattern reads from three paths is shown.
    """
    from gfpipe.archive import manifest, proposal  # noqa: PLC0415
    from gfpipe.base import files  # noqa: PLC0415
    from gfpipe.choices import DEFAULT_PATTERN  # noqa: PLC0415

    if file.exists() and not force:
        raise UsageError(f"{file}: already there; overwrite with --force")
    given = _answers({"archive": archive, "timezone": timezone, "lake": lake})
    folder = Path(given["archive"]).expanduser().absolute()
    if pattern is None and folder.is_dir():
        found = proposal.propose(folder)
        if found is None:
            raise UsageError(
                f"{folder}: of none of its files the path shows channel and date; give --pattern, or a manifest"
            )
        console.say(f"{found.fits} of {found.sampled} files looked at fit {found.pattern}")
        pattern = found.pattern
    pattern = pattern or DEFAULT_PATTERN
    archived = manifest.read(folder, pattern, given["timezone"])
    _show(archived)
    results = given["lake"] if "://" in given["lake"] else str(Path(given["lake"]).expanduser().absolute())
    settings = {"archive": str(folder), "lake": results, "timezone": given["timezone"]}
    try:
        files.write(file, _settings(settings | {"pattern": pattern}))
    except OSError as exc:
        raise GfpipeError(f"{file}: cannot be written: {exc}") from exc
    console.say(f"{file} written. Every night: gfpipe serve --config {file}")
    options = ("--lake", given["lake"], "--timezone", given["timezone"], "--pattern", pattern)
    console.say(f"Now, once: {shlex.join(('gfpipe', 'analyse', given['archive'], *options))}")


def _answers(given: dict[str, str | None]) -> dict[str, str]:
    missing = [name for name, value in given.items() if not value]
    if missing and not console.is_terminal():
        options = ", ".join(f"--{name}" for name in missing)
        raise UsageError(f"give {options}: there is no terminal to ask at")
    return {name: value or typer.prompt(_QUESTIONS[name]) for name, value in given.items()}


def _show(archived: "Manifest") -> None:
    rows = [
        {
            "path": console.short(recording.path),
            "channel": recording.channel,
            "start": f"{recording.start:%Y-%m-%d %H:%M %Z}",
            "programme": recording.programme,
        }
        for recording in archived.recordings[:: max(1, len(archived.recordings) // _SHOWN)][:_SHOWN]
    ]
    count = len(archived.recordings)
    console.table(rows, f"How paths are read: {len(rows)} of {count:,} recordings")
    if archived.rejected:
        first = archived.rejected[0]
        several = counted(len(archived.rejected), "file")
        console.say(f"No recording: {several}, such as {first.path}: {first.problem}", "yellow")


def _settings(values: dict[str, str]) -> str:
    """The template of the settings with these values."""
    from gfpipe.base.files import shipped_folder  # noqa: PLC0415

    text = (shipped_folder("deploy") / "gfpipe.toml").read_text(encoding="utf-8")
    for key, value in values.items():
        line = f"{key} = {json.dumps(value, ensure_ascii=False)}"  # TOML's basic strings have JSON's escapes
        former = re.search(rf'^(?:# )?{key} = "[^"]*"', text, re.MULTILINE)
        text = text.replace(former[0], line, 1) if former else text
    return text
