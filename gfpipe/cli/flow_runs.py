"""The flows as commands run them: with a server of their own where none is configured, and with progress."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from gfpipe.archive import manifest
from gfpipe.choices import Device
from gfpipe.cli import console
from gfpipe.errors import GfpipeError
from gfpipe.flows import server
from gfpipe.lake import shards
from gfpipe.recording import Rejected, Summary
from gfpipe.settings import Analysis, Settings
from gfpipe.stages.figures.publish import Published

if TYPE_CHECKING:  # what they import takes seconds
    from gfpipe.evaluation.gate.decision import Decision
    from gfpipe.evaluation.gate.rules import Margins


def analyse(
    site: Settings, since: date | None = None, until: date | None = None, channels: list[str] | None = None
) -> tuple[list[Summary], tuple[Rejected, ...]]:
    """Run the analysis flow with a progress bar.

    Raises:
        UsageError: wrong use, said before Prefect takes its seconds to start.
        GfpipeError: models cannot be fetched, the lake cannot be written, no server came up.
    """
    holdings = manifest.read(site.archive, site.pattern, site.timezone).between(since, until).on(channels)
    console.say(f"{len(holdings.recordings)} recordings in {site.archive}")
    for row in holdings.rejected:
        console.say(f"rejected  {console.short(row.path)}\n          {row.problem}", "yellow")
    with _with_progress(lambda: _prepare(site.analysis), site.workers):
        from gfpipe.flows.analyse import analyse_archive  # noqa: PLC0415 - importing Prefect takes seconds

        state = analyse_archive(**site.order, since=since, until=until, channels=channels, return_state=True)
    return _result(state), holdings.rejected


def reclassify(
    lake: str,
    classifier: str,
    device: str = Device.AUTO,
    workers: int = 0,
    scheduler: str | None = None,
    since: date | None = None,
    until: date | None = None,
    channels: list[str] | None = None,
) -> list[Summary]:
    """Run the flow that brings a lake under one classifier, with a progress bar.

    Returns:
        What became of each recording; one that failed is left as it was.

    Raises:
        UsageError: wrong use, said before Prefect takes its seconds to start.
        GfpipeError: the model cannot be fetched, the lake cannot be read or written, no server came up.
    """
    holdings = manifest.Manifest(lake, tuple(shards.analysed(lake))).between(since, until).on(channels)
    console.say(f"{len(holdings.recordings)} recordings in {lake}")
    analysis = Analysis(classifier=classifier, device=device)
    with _with_progress(lambda: _prepare_to_reclassify(analysis), workers):
        from gfpipe.flows.reclassify import reclassify_lake  # noqa: PLC0415 - importing Prefect takes seconds

        state = reclassify_lake(lake, classifier, device, since, until, channels, workers, scheduler, return_state=True)
    summaries: list[Summary] = _result(state)
    return summaries


def retrain(
    recipe: str,
    data: list[str],
    gate_data: list[str],
    model: str | None = None,
    out: str | None = None,
    device: str = Device.AUTO,
    detector: str | None = None,
    margins: "Margins | None" = None,
) -> "Decision":
    """Run the flow that trains a model and promotes it or not, with a progress bar; parameters as the flow's.

    Raises:
        UsageError: wrong use; of recipe and data, said before Prefect takes its seconds to start.
        GfpipeError: models cannot be fetched or written, no server came up.
    """
    _check_lessons(recipe, data, gate_data)
    given = {"model": model, "out": out, "device": device, "detector": detector, "margins": margins}
    with server.available(_prepare_to_retrain, console.say):
        from gfpipe.flows.retrain import heard_by, retrain_model  # noqa: PLC0415 - importing Prefect takes seconds

        server.quiet()
        with console.TrainingProgress() as progress, heard_by(progress.hear):
            state = retrain_model(
                recipe, data, gate_data, **{key: value for key, value in given.items() if value}, return_state=True
            )
    decision: Decision = _result(state)
    return decision


def learn(lake: str, data: list[str], gate_data: list[str], *, recipe: str, **given: Any) -> "Decision":
    """Run the flow from an archive's crops to a decision about a new model, with a progress bar.

    Parameters are those of :func:`gfpipe.flows.learn.curate_and_retrain`.

    Raises:
        UsageError: wrong use; of recipe and data, said before Prefect takes its seconds to start.
        GfpipeError: the lake or a model cannot be read or written, no server came up.
    """
    _check_lessons(recipe, data, gate_data)
    with server.available(_prepare_to_learn, console.say):
        from gfpipe.flows.learn import curate_and_retrain  # noqa: PLC0415 - importing Prefect takes seconds
        from gfpipe.flows.retrain import heard_by  # noqa: PLC0415

        server.quiet()
        with console.TrainingProgress() as progress, heard_by(progress.hear):
            state = curate_and_retrain(lake, data, gate_data, recipe, **given, return_state=True)
    decision: Decision = _result(state)
    return decision


def publish(lake: str) -> Published:
    """Run the publishing flow.

    Raises:
        LakeError: there is nothing to publish, or it cannot be read or written.
    """
    with server.available(say=console.say):
        from gfpipe.flows.publish import publish_lake  # noqa: PLC0415

        server.quiet()
        state = publish_lake(lake, return_state=True)
    published: Published = _result(state)
    return published


def _check_lessons(recipe: str, data: Iterable[str], gate_data: Iterable[str]) -> None:
    """Say what is wrong with a recipe or a data set before Prefect takes its seconds to start."""
    from gfpipe.training import recipe as recipes  # noqa: PLC0415
    from gfpipe.training.data import datasets  # noqa: PLC0415 - NumPy and pyarrow take their time

    recipes.find(recipe)
    for name in data:
        datasets.read(name)
    for name in gate_data:
        datasets.read_to_measure(name)


@contextmanager
def _with_progress(prepare: Callable[[], None], slots: int) -> Iterator[None]:
    """A server, and a progress bar that hears of every recording."""
    with server.available(prepare, console.say, slots=slots):
        from gfpipe.flows.analyse import heard_by  # noqa: PLC0415 - importing Prefect takes seconds

        server.quiet()
        with console.AnalysisProgress() as progress, heard_by(progress.hear):
            yield


def _prepare(analysis: Analysis) -> None:
    """While the server starts: fetch what is missing, and load what the flow will need."""
    from gfpipe.models import champion  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.stages.analysis import analyse as stage  # noqa: PLC0415

    stage.prepare(replace(analysis, classifier=champion.resolve(analysis.classifier)))
    import gfpipe.flows.analyse  # noqa: F401, PLC0415


def _prepare_to_reclassify(analysis: Analysis) -> None:
    from gfpipe.models import champion  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.stages.analysis import reclassify as stage  # noqa: PLC0415

    stage.prepare(replace(analysis, classifier=champion.resolve(analysis.classifier)))
    import gfpipe.flows.reclassify  # noqa: F401, PLC0415


def _prepare_to_retrain() -> None:
    import gfpipe.flows.retrain  # noqa: F401, PLC0415


def _prepare_to_learn() -> None:
    import gfpipe.flows.learn  # noqa: F401, PLC0415


def _result(state: Any) -> Any:
    """What a flow run came to; its data also where the run counts as failed."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, GfpipeError):
        raise result
    if isinstance(result, BaseException):
        raise GfpipeError(f"the flow run failed: {result}") from result
    return result
