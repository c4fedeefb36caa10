"""``gfpipe config``: the settings of a site, and the files of a deployment."""

from dataclasses import fields, is_dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gfpipe import settings
from gfpipe.cli import console
from gfpipe.cli.options import command
from gfpipe.errors import GfpipeError, UsageError
from gfpipe.files import write

app = typer.Typer(help="Show, check or create the settings of a site.")

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="Settings of the site.")]
DEFAULT: Final = Path("gfpipe.toml")


@command(app, "gfpipe config show --config /etc/gfpipe.toml")
def show(config: Config = DEFAULT) -> None:
    """Print every setting in force, and whether it comes from the file, an environment variable or the defaults."""
    site, origins = settings.load(config), settings.origins(config)
    rows = [
        {"setting": ".".join(setting), "value": value, "from": origins.get(setting, "default")}
        for setting, value in _flat(site)
    ]
    console.table(rows, "Settings")


@command(app, "gfpipe config check --config /etc/gfpipe.toml")
def check(config: Config = DEFAULT) -> None:
    """Check the settings and schedules; print OK, or the first error and exit with 2."""
    from gfpipe.flows.serve import deployments  # noqa: PLC0415 - importing Prefect takes seconds

    deployments(settings.load(config))
    console.output("OK")


@command(app, "gfpipe config init")
def init(force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False) -> None:
    """Write gfpipe.toml, and prefect.yaml and limits.sh for a Prefect server elsewhere, into the current folder."""
    sources = {Path(source.name): source for source in _deployment() if not source.name.endswith(".md")}
    if not force and (existing := [str(path) for path in sources if path.exists()]):
        raise UsageError(f"{', '.join(existing)}: already there; overwrite with --force")
    for path, source in sources.items():
        try:
            write(path, source.read_bytes())
            path.chmod(0o755 if path.suffix == ".sh" else 0o644)
        except OSError as exc:
            raise GfpipeError(f"{path}: cannot be written: {exc}") from exc
        console.say(f"{path} written")


def _deployment() -> list[Traversable]:
    """The files of ``deploy/``, which is in the package if it was installed from a wheel, else beside it."""
    package = files("gfpipe")
    folder = package / "deploy" if (package / "deploy").is_dir() else package / ".." / "deploy"
    return [source for source in sorted(folder.iterdir(), key=lambda source: source.name) if source.is_file()]


def _flat(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if not is_dataclass(value):
        return [(path, "" if value is None else value)]
    return [row for field in fields(value) for row in _flat(getattr(value, field.name), (*path, field.name))]
