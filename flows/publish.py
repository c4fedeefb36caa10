"""Flow `publish`: build the warehouse, run its checks, and show screen time and coverage."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from gfpipe.counting import Counting
from gfpipe.flows.artifacts import create_table
from gfpipe.flows.security import site
from gfpipe.output import overview
from gfpipe.output.formats import PERCENT, clock, share_with_interval
from gfpipe.output.names import code
from gfpipe.stages.figures import publish as stage
from gfpipe.stages.figures.publish import Published


@task(task_run_name="build and check the warehouse", cache_policy=NO_CACHE)
def publish_warehouse(lake: str, counting: Counting, rebuild: bool) -> Published:
    """Build the warehouse; it replaces the old one when its checks pass."""
    return stage.run(lake, counting=counting, rebuild=rebuild)


def _run_name() -> str:
    return f"{PurePath(flow_run.parameters['lake']).name} · screen time"


@flow(name="publish", flow_run_name=_run_name)
def publish_lake(lake: str, counting: Counting = Counting(), rebuild: bool = False) -> Published:  # noqa: B008 - frozen
    """Compute screen time from everything in the lake; the run fails if the figures do not add up.

    Args:
        lake: folder or URL of the Parquet shards, in which the warehouse is built.
        counting: which faces and recordings count.
        rebuild: build the whole warehouse anew, not only what has changed.
    """
    given = {"lake": lake, "counting": counting, "rebuild": rebuild}
    site.refuse_others(given, lambda settings: {**vars(settings), "rebuild": False})
    published = publish_warehouse(lake, counting, rebuild)
    create_table([_channel(row) for row in published.screen_time], "screen-time", "Screen time by perceived gender")
    rows = overview.published_coverage(published.coverage)
    create_table(overview.newest(rows), "coverage", f"Everything in {code(lake)}, newest first")
    rebuilt = (f"built anew: {published.rebuilt}",) if published.rebuilt else ()
    message = "; ".join((f"{len(published.screen_time)} channels published", *rebuilt, *published.notes))
    state: State[Published] = Completed(message=message, data=published)
    return state  # type: ignore[return-value]  # Prefect returns the state's data


def _channel(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "channel": row["channel"],
        "analysed": clock(row["analysed_seconds"]),
        "coverage": PERCENT.text(row["coverage"]),
        "women, face time": clock(row["female_face_seconds"]),
        "men, face time": clock(row["male_face_seconds"]),
        "women's share of face time": share_with_interval(row, "share_female_face_time"),
        "corrected": share_with_interval(row, "share_female_face_time_corrected"),
        "debiased": share_with_interval(row, "share_female_face_time_debiased"),
        "women, presence": clock(row["female_presence_seconds"]),
        "men, presence": clock(row["male_presence_seconds"]),
    }
