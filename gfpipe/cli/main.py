"""Command line: assembly of the commands, and those that operate a site: ``gfpipe serve``, ``config`` and ``purge``.

Modules that a command needs are imported when it runs: ``gfpipe --help`` imports neither torch nor Prefect.

Exit codes: 0 success, 1 failure (some recordings, a check, the disk), 2 wrong use, 130 Ctrl-C.
"""

import atexit
import os
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text
from typer import Option
from typer.core import TyperGroup, TyperOption

from gfpipe.cli import analyse, console, figures, labels, learning, models, research
from gfpipe.cli.options import MORE, DryRun, Lake, command
from gfpipe.cli.results import output
from gfpipe.cli.results.output import OutputOptions
from gfpipe.cli.site import acknowledge, init, status
from gfpipe.errors import GfpipeError, UsageError
from gfpipe.output.formats import counted
from gfpipe.output.tables import Table as Shown

if TYPE_CHECKING:
    from gfpipe.lake.retention import Place, PurgeScope
    from gfpipe.stages.analysis.purge import Total

PANELS: Final = {
    "Try it": "demo",
    "1. Analyse an archive": "analyse status",
    "2. Publish its figures": "publish",
    "3. Look at them": "stats report view overlay sql export",
    "4. Label faces, to correct them": "label",
    "5. Repeat it every night": "init serve config",
    "Results of other programs": "speech ina",
    "Maintain a lake": "acknowledge reclassify compact forget purge",
    "Classifiers and research": "models evaluate promote train retrain curate learn explain study",
}
_SITE_FILE: Final = Path("gfpipe.toml")
_INTERRUPTED: Final = 130  # Typer's exit code on Ctrl-C


SiteFile = Annotated[Path, Option("--config", metavar="FILE", help="Settings of the site.")]


class _Commands(TyperGroup):
    """The commands in the order and panels of `PANELS`."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Names in the order of the help and of shell completion."""
        return [name for names in PANELS.values() for name in names.split()]

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Print the help; Typer's own first imports a Markdown parser and a highlighter, half of the time it takes."""
        terminal = Console()
        terminal.print(f"\n [bold]Usage: {ctx.command_path} \\[OPTIONS] COMMAND \\[ARGS]...[/bold]\n\n {self.help}\n")
        options = [option for option in self.get_params(ctx) if isinstance(option, TyperOption)]
        rows = {"Options": [(", ".join(option.opts), option.help) for option in options]}
        for panel, names in PANELS.items():
            rows[panel] = [(name, self.commands[name].help) for name in names.split()]
        for panel, lines in rows.items():
            table = Table.grid(Column(style="bold cyan", width=20), Column(), padding=(0, 1))
            for name, text in lines:
                table.add_row(name, Text((text or "").partition("\n\n")[0]))
            terminal.print(Panel(table, title=panel, title_align="left", border_style="dim"))


config = typer.Typer(help="Show, check or create the settings of a site.", no_args_is_help=True)
app = typer.Typer(
    name="gfpipe", cls=_Commands, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False
)
for commands in (init.app, status.app, acknowledge.app, analyse.app, figures.app, models.app, learning.app):
    app.add_typer(commands)
for name, group in {
    "config": config,
    "label": labels.label,
    "speech": labels.speech,
    "ina": labels.ina,
    "models": models.group,
    "study": research.app,
}.items():
    app.add_typer(group, name=name)


def _print_version(requested: bool) -> None:
    if requested:
        from gfpipe import __version__  # noqa: PLC0415

        typer.echo(f"gfpipe {__version__}")
        raise typer.Exit


@app.callback()
def _gfpipe(
    version: Annotated[
        bool, Option("--version", metavar="", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Measure screen time by perceived gender in television archives."""


@command(app, "gfpipe serve --config gfpipe.toml")
def serve(
    file: SiteFile = _SITE_FILE,
    port: Annotated[int, Option(min=1, max=65535, help="Port of Prefect's UI on this machine.")] = 4200,
) -> None:
    """Run Prefect's server and UI, and analyse and publish on schedule, until Ctrl-C."""
    from gfpipe.flows.serve import serve as serve_site  # noqa: PLC0415

    serve_site(file, port)


@command(config, "gfpipe config show --config /etc/gfpipe.toml", name="show")
def config_show(file: SiteFile = _SITE_FILE, *, to: OutputOptions) -> None:
    """Print every setting in force, and whether it comes from the file, an environment variable or the defaults."""
    from gfpipe import settings  # noqa: PLC0415 - importing pydantic takes its time

    site, origins = settings.load(file), settings.origins(file)
    rows = [
        {"setting": ".".join(setting), "value": str(value), "from": origins.get(setting, "default")}
        for setting, value in _flat(site)
    ]
    output.emit(to, Shown.of("settings", "Settings", rows), rows)


@command(config, "gfpipe config check --config /etc/gfpipe.toml", name="check")
def config_check(file: SiteFile = _SITE_FILE) -> None:
    """Check the settings and schedules; print OK, or the first error and exit with 2."""
    from gfpipe import settings  # noqa: PLC0415
    from gfpipe.flows.serve import deployments  # noqa: PLC0415 - importing Prefect takes seconds

    deployments(settings.load(file))
    console.output("OK")


@command(config, "gfpipe config init", name="init")
def config_init(force: Annotated[bool, Option(help="Overwrite files that exist.")] = False) -> None:
    """Write files for a Prefect server elsewhere and a Dask cluster into the current folder; gfpipe.toml if missing."""
    from gfpipe.base.files import shipped_folder, write  # noqa: PLC0415

    sources = sorted(path for path in shipped_folder("deploy").iterdir() if path.is_file() and path.suffix != ".md")
    if not force and _SITE_FILE.exists():  # gfpipe init has written it
        sources = [source for source in sources if source.name != _SITE_FILE.name]
    if not force and (existing := [source.name for source in sources if Path(source.name).exists()]):
        raise UsageError(f"{', '.join(existing)}: already there; overwrite with --force")
    for source in sources:
        try:
            write(source.name, source.read_bytes())
            Path(source.name).chmod(0o755 if source.suffix == ".sh" else 0o644)
        except OSError as exc:
            raise GfpipeError(f"{source.name}: cannot be written: {exc}") from exc
        console.say(f"{source.name} written")


def _flat(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if not is_dataclass(value):
        return [(path, "" if value is None else value)]
    return [row for field in fields(value) for row in _flat(getattr(value, field.name), (*path, field.name))]


@command(
    app,
    "gfpipe purge --lake lake --expired --yes",
    "gfpipe purge --lake lake --recording tv1-20010304T190000Z-news-8a1d7556 --dry-run",
    "gfpipe purge --lake lake --all",
)
def purge(
    lake: Lake,
    expired: Annotated[bool, Option(help="Expired crops.")] = False,
    recording: Annotated[
        list[str] | None, Option(metavar="ID", help=f"Everything of one recording, by recording_id. {MORE}")
    ] = None,
    everything: Annotated[bool, Option("--all", help="Every picture of a face, and every list of them.")] = False,
    dry_run: DryRun = False,
    yes: Annotated[bool, Option(help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete stored pictures of faces and all their copies, and count what is left.

    Deletes crops, rows and pictures of curated sets, chips of training runs and unfinished files; with --recording and
    --all also label queues. Labels hold no picture and are not deleted. Exit code 1: something is left, and is listed.
    """
    from gfpipe.lake.retention import PurgeScope  # noqa: PLC0415
    from gfpipe.stages.analysis import purge as stage  # noqa: PLC0415

    selection = PurgeScope(expired, tuple(recording or ()), everything)
    if not (dry_run or yes or console.is_terminal()):
        raise UsageError("purge asks before it deletes, and there is no terminal to ask at: give --yes or --dry-run")
    items = stage.plan(lake, selection)
    if dry_run or not yes:
        _show_totals(stage.totals(items), None, "To be removed")
    if dry_run:
        for item in items:
            if item.problem:
                console.problem("stays", item.name, item.problem)
        console.say(f"Nothing was removed. To remove it: gfpipe purge --lake {lake} {_as_option(selection)}")
        return
    if items and not yes:
        typer.confirm(f"Remove all of this from {lake}? It cannot be undone", abort=True)
    with console.counting("files") as on_progress:
        summary = stage.run(lake, selection, on_progress)
    _show_totals(stage.totals(summary.before), stage.totals(summary.after), "Pictures of faces, before and after")
    console.say(f"{summary.answers:,} human answers about faces hold no picture and are not deleted.")
    for item in summary.after:
        console.problem("left", item.name, item.problem)
    if summary.after:
        raise typer.Exit(1)


@command(
    app,
    "gfpipe forget --lake lake --recording tv1-20010304T190000Z-news-8a1d7556 --dry-run",
    "gfpipe forget --lake lake --path '/archive/tests/*' --channel test --yes",
)
def forget(
    lake: Lake,
    recording: Annotated[list[str] | None, Option(metavar="ID", help=f"A recording, by recording_id. {MORE}")] = None,
    path: Annotated[list[str] | None, Option(metavar="GLOB", help=f"All whose path matches. {MORE}")] = None,
    channel: Annotated[list[str] | None, Option(help=f"All of a channel. {MORE}")] = None,
    dry_run: DryRun = False,
    yes: Annotated[bool, Option(help="Do not ask for confirmation.")] = False,
) -> None:
    """Remove recordings from the lake: analyses, crops, labels, speech segments and their rows of the schedule.

    Publish again afterwards. Files that are still in the archive are analysed again by the next gfpipe analyse.
    """
    from gfpipe.lake.retention import PurgeScope  # noqa: PLC0415
    from gfpipe.stages.analysis import forget as stage  # noqa: PLC0415
    from gfpipe.stages.analysis import purge as pictures  # noqa: PLC0415

    if not (dry_run or yes or console.is_terminal()):
        raise UsageError("forget asks before it deletes, and there is no terminal to ask at: give --yes or --dry-run")
    chosen = stage.plan(lake, stage.Scope(tuple(recording or ()), tuple(path or ()), tuple(channel or ())))
    before = stage.rows(lake, chosen)
    for item in chosen:
        console.output(item.label)
    if dry_run or not yes:
        _show_rows(before, None, "To be removed")
    if dry_run:
        console.say("Nothing was removed.")
        return
    if not yes:
        typer.confirm(f"Remove {counted(len(chosen), 'recording')} from {lake}? It cannot be undone", abort=True)
    scope = PurgeScope(recordings=tuple(item.recording_id for item in chosen))
    left = pictures.run(lake, scope).after
    for held in left:
        console.problem("left", held.name, held.problem)
    if left:
        console.say("Pictures of faces are left, so nothing else was removed.", "red")
        raise typer.Exit(1)
    stage.run(lake, chosen)
    _show_rows(before, stage.rows(lake, chosen), "Rows, before and after")
    console.say(f"To update the figures: gfpipe publish --lake {lake}")


def _show_rows(before: Mapping[str, int], after: Mapping[str, int] | None, title: str) -> None:
    rows = [
        {"table": table, "rows": f"{count:,}", **({"rows left": f"{after[table]:,}"} if after is not None else {})}
        for table, count in before.items()
    ]
    console.table(rows, title)


def _as_option(selection: "PurgeScope") -> str:
    if selection.recordings:
        return " ".join(f"--recording {recording}" for recording in selection.recordings)
    return "--expired" if selection.expired else "--all"


def _show_totals(before: Mapping["Place", "Total"], after: Mapping["Place", "Total"] | None, title: str) -> None:
    """Print counts by place as text, so that zeros are shown."""
    rows = [
        {
            "where": str(place),
            **_counts(before.get(place)),
            **(_counts(after.get(place), " left") if after is not None else {}),
        }
        for place in {**before, **(after or {})}
    ]
    if rows:
        console.table(rows, title)
    else:
        console.say("There is nothing to remove: the lake holds no such pictures, and no list of them.")


def _counts(total: "Total | None", suffix: str = "") -> dict[str, str]:
    counts = vars(total) if total else dict.fromkeys(("files", "images", "rows", "size"), 0)
    return {f"{'bytes' if name == 'size' else name}{suffix}": f"{count:,}" for name, count in counts.items()}


def main() -> None:
    """Entry point of ``gfpipe``: errors become one line and an exit code."""
    atexit.register(_silence_stderr)
    try:
        app()
    except GfpipeError as exc:
        console.say(f"gfpipe: {exc}", "red")
        sys.exit(2 if isinstance(exc, UsageError) else 1)
    except SystemExit as exc:
        if exc.code == _INTERRUPTED:
            console.say("Stopped. Finished work is stored; run the same command again to continue.", "yellow")
        raise


def _silence_stderr() -> None:
    """Silence stderr at exit: DuckDB reports objects that Prefect's threads still hold as leaked."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
