"""Flow runs, read from Prefect's API."""

from typing import Any

import httpx
from prefect.client.schemas.objects import State


class Run:
    """A flow run that has ended, and its child runs."""

    def __init__(self, api_url: str, state: State[Any]) -> None:
        self.state, self._api_url = state, api_url
        self.result: Any = state.result(raise_on_failure=False)
        self._id = str(state.state_details.flow_run_id)

    def post(self, path: str, ids: list[str] | None = None) -> list[dict[str, Any]]:
        """The items that the API lists at `path` for this run."""
        return self._filter(path, {"id": {"any_": ids or [self._id]}})

    @property
    def task_states(self) -> dict[str, str]:
        """Type of the final state of each task run, by name."""
        return {run["name"]: run["state"]["type"] for run in self.post("/task_runs/filter")}

    @property
    def artifacts(self) -> dict[str, Any]:
        """Artifacts of the run and its child runs, by key."""
        children = self._filter("/flow_runs/filter", {"parent_flow_run_id": {"any_": [self._id]}})
        ids = [self._id, *(run["id"] for run in children)]
        return {artifact["key"]: artifact for artifact in self.post("/artifacts/filter", ids)}

    def _filter(self, path: str, runs: dict[str, Any]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (
            httpx.post(self._api_url + path, json={"flow_runs": runs}).raise_for_status().json()
        )
        return items
