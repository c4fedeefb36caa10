"""Artifacts of flow runs with names as text: Prefect's UI takes descriptions and table cells as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate

from gfpipe.output.names import markdown


def create_table(rows: Sequence[Mapping[str, Any]], key: str, description: str) -> None:
    """Store a table, with its text as text; the description is Markdown."""
    create_table_artifact(cells(rows), key, description)


def cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose text is shown as it is."""
    return [{name: markdown(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]


class Report:
    """A Markdown artifact that is created before the work of a run, so that it is its first, and written after it."""

    def __init__(self, key: str) -> None:
        self._id = cast("UUID", create_markdown_artifact("The run has not ended.", key, "The run has not ended."))

    def write(self, text: str, description: str) -> None:
        """Replace the text and its description, both in Markdown."""
        with get_client(sync_client=True) as client:
            client.update_artifact(self._id, ArtifactUpdate(data=text, description=description))
