"""Artifacts of flow runs with names as text: Prefect's UI takes descriptions and table cells as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from prefect.artifacts import create_table_artifact

from gfpipe.output.names import markdown


def create_table(rows: Sequence[Mapping[str, Any]], key: str, description: str) -> None:
    """Store a table, with its text as text; the description is Markdown."""
    create_table_artifact(cells(rows), key, description)


def cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose text is shown as it is."""
    return [{name: markdown(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]
