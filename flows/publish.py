"""Shards in, screen time out: the warehouse, its checks, and the figures that everybody asks for first."""

from pathlib import PurePath
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from gfpipe.flows import tables
from gfpipe.stages.figures import publish as stage
from gfpipe.stages.figures.publish import Published


@task(task_run_name="build and check the warehouse", cache_policy=NO_CACHE)
def publish_warehouse(lake: str) -> Published:
    """Build the warehouse anew; the old one stands until the new one is whole."""
    return stage.run(lake)


def _run_name() -> str:
    return f"{PurePath(flow_run.parameters['lake']).name} · screen time"


@flow(name="publish", flow_run_name=_run_name)
def publish_lake(lake: str) -> Published:
    """Turn everything in the lake into screen time; a check that finds bad rows fails the run.

    Args:
        lake: the folder of shards; the warehouse is built in it.
    """
    published = publish_warehouse(lake)
    create_table_artifact(tables.screen_time(published.screen_time), "screen-time", "Screen time by perceived gender")
    rows = tables.published_coverage(published.coverage)
    create_table_artifact(tables.newest(rows), "coverage", f"Everything in {lake}, newest first")
    return _verdict(published)  # type: ignore[return-value]  # Prefect hands out the state's data


def _verdict(published: Published) -> State[Any]:
    if published.failed_checks:
        found = "; ".join(f"{check.name}: {check.rows} rows" for check in published.failed_checks)
        return Failed(message=f"the figures do not add up: {found}", data=published)
    return Completed(message=f"{len(published.screen_time)} channels published", data=published)
