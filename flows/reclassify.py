"""History under one model: whatever the lake holds of another classifier is read again."""

from collections.abc import Sequence
from datetime import date

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from gfpipe.archive.manifest import Manifest
from gfpipe.choices import Device
from gfpipe.flows import tables
from gfpipe.flows.analyse import Orders, do_what_is_due, run_name, verdict
from gfpipe.lake import shards
from gfpipe.models import champion
from gfpipe.recording import Status, Summary
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import reclassify as stage


def _run_name() -> str:
    return run_name("lake", "everything")


@flow(name="reclassify", flow_run_name=_run_name)
def reclassify_lake(
    lake: str,
    classifier: str,
    device: str = Device.AUTO,
    since: date | None = None,
    until: date | None = None,
    channels: list[str] | None = None,
    workers: int = 0,
    scheduler: str | None = None,
) -> list[Summary]:
    """Estimate everything that was analysed under one classifier; faces are not detected anew.

    Args:
        lake: the folder of shards; the recordings must still be where they were analysed.
        classifier: id of a model of perceived gender, or its folder; `champion` for whoever is so.
        device: auto, cpu or cuda.
        since: first night, by the recordings' own clock; nothing means from the beginning.
        until: last night.
        channels: only these; nothing means all.
        workers: processes that read; 0 means one a core.
        scheduler: address of a Dask scheduler whose workers do the work instead.
    """
    analysis = Analysis(classifier=champion.resolve(classifier), device=device)
    stage.prepare(analysis)
    wanted = Manifest(lake, tuple(shards.analysed(lake))).between(since, until).on(channels).recordings
    found = [stage.finished(recording, lake, analysis) for recording in wanted]
    orders = Orders(stage.run, lake, analysis, workers, scheduler)
    summaries, errors = do_what_is_due(orders, wanted, found, headline)
    if problems := tables.problems((), [summary for summary in summaries if summary.status is Status.FAILED]):
        create_markdown_artifact(problems, "problems", headline(summaries))
    return verdict(headline(summaries), summaries, errors)  # type: ignore[return-value]  # Prefect hands out the data


def headline(summaries: Sequence[Summary]) -> str:
    """The run in one line: ``11 reclassified, 2 left as they were``."""
    failed = sum(summary.status is Status.FAILED for summary in summaries)
    before = sum(summary.reused for summary in summaries)
    counts = {
        "reclassified": len(summaries) - failed - before,
        "left as they were": failed,
        "under this model before": before,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing yet"
