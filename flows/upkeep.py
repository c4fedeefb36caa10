"""Upkeep of a lake: flow `purge` removes expired crops and every copy of them, `compact` merges small files."""

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from gfpipe.flows.progress import reported
from gfpipe.flows.security import site
from gfpipe.lake.retention import PurgeScope
from gfpipe.output.formats import counted
from gfpipe.output.names import markdown
from gfpipe.stages.analysis import compact, purge


@task(task_run_name="remove expired crops", cache_policy=NO_CACHE)
def purge_expired(lake: str) -> State[purge.Summary]:
    """Remove expired crops, so that no model is trained on them."""
    summary = purge.run(lake, PurgeScope(expired=True))
    if summary.after:
        problems = "\n".join(f"- {markdown(held.name)}: {markdown(held.problem)}" for held in summary.after)
        create_markdown_artifact(problems, "left-after-expiry", "Expired pictures that could not be removed")
    return Completed(message=_removed(summary), data=summary)


@flow(name="purge", flow_run_name="expired crops")
def remove_expired(lake: str) -> purge.Summary:
    """Remove expired crops and every copy of them; the run fails if any is left.

    Args:
        lake: folder or URL of the Parquet shards.
    """
    site.refuse_others({"lake": lake}, vars)
    summary = purge_expired(lake).result()
    state = Failed if summary.after else Completed
    return state(message=_removed(summary), data=summary)  # type: ignore[return-value]  # Prefect returns the data


@task(task_run_name="compact closed months", cache_policy=NO_CACHE)
def compact_months(lake: str) -> State[compact.Summary]:
    """Merge the small files of months that are over."""
    with reported("progress", lambda now: f"{now.done} of {now.total} months") as on_progress:
        summary = compact.run(lake, on_progress)
    if summary.problems:
        problems = "\n".join(f"- {markdown(problem)}" for problem in summary.problems)
        create_markdown_artifact(problems, "not-compacted", "Months that were left as they are")
    return Completed(message=_compacted(summary), data=summary)


@flow(name="compact", flow_run_name="closed months")
def compact_lake(lake: str) -> compact.Summary:
    """Merge the small files of months that are over; the run fails if a month is left because it is damaged.

    Args:
        lake: folder or URL of the Parquet shards.
    """
    site.refuse_others({"lake": lake}, vars)
    summary = compact_months(lake).result()
    state = Failed if summary.problems else Completed
    return state(message=_compacted(summary), data=summary)  # type: ignore[return-value]  # Prefect returns the data


def _compacted(summary: compact.Summary) -> str:
    before, after = summary.files
    return f"{counted(summary.recordings, 'recording')} compacted: {before:,} files became {after:,}"


def _removed(summary: purge.Summary) -> str:
    return f"{len(summary.before)} files held expired pictures, {len(summary.after)} are left"
