"""Flow `purge`: remove the crops that have expired, and every copy of them."""

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from gfpipe.flows.security import site
from gfpipe.lake.retention import PurgeScope
from gfpipe.output.names import markdown
from gfpipe.stages.analysis import purge


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


def _removed(summary: purge.Summary) -> str:
    return f"{len(summary.before)} files held expired pictures, {len(summary.after)} are left"
