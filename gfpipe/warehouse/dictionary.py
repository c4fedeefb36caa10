"""The data dictionary: every relation and macro of the warehouse with its comments."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gfpipe.warehouse.building import Derive, Options, build_database
from gfpipe.warehouse.database import Warehouse, open  # noqa: A004 - as in the package
from gfpipe.warehouse.sources import MATERIALISED, statements

_RELATIONS: Final = """
select table_name as name, comment, 'table' as kind from duckdb_tables() where database_name = 'gfpipe'
union all
select view_name, comment, 'view' from duckdb_views() where database_name = 'gfpipe' and not internal
union all
select
    function_name || '(' || array_to_string(parameters, ', ') || ')',
    comment,
    'macro'
from duckdb_functions() where database_name = 'gfpipe' and not internal
order by all
"""
_COLUMNS: Final = """
select table_name, column_name as name, data_type as type, comment
from duckdb_columns() where database_name = 'gfpipe' and not internal
order by table_name, column_index
"""


@dataclass(frozen=True)
class Column:
    """A column of a relation: its name, DuckDB type and description with the unit."""

    name: str
    type: str
    comment: str | None


@dataclass(frozen=True)
class Relation:
    """A table, view or macro."""

    name: str  # of a macro, with its parameters
    kind: str  # table, view or macro
    group: str  # folder of sql/ that defines it: staging, intermediate, marts, reports or macros
    comment: str | None
    columns: tuple[Column, ...]  # none for a macro


def data_dictionary(derive: Derive | None = None) -> list[Relation]:
    """List the relations and macros of a warehouse built from an empty lake; `derive` as in `build`."""
    with tempfile.TemporaryDirectory() as folder:
        build_database(Path(folder).resolve(), Options(derive=derive))
        with open(folder) as db:
            return relations(db)


def relations(db: Warehouse) -> list[Relation]:
    """List the relations and macros of a published warehouse, in order of dependency and name."""
    groups = {name: folder for folder in MATERIALISED for name in statements(folder)}
    columns: dict[str, list[Column]] = {}
    for row in db.query(_COLUMNS).to_pylist():
        columns.setdefault(row.pop("table_name"), []).append(Column(**row))
    found = [
        Relation(
            name=row["name"],
            kind=row["kind"],
            group="macros" if row["kind"] == "macro" else groups.get(row["name"], "marts"),
            comment=row["comment"],
            columns=tuple(columns.get(row["name"], ())),
        )
        for row in db.query(_RELATIONS).to_pylist()
    ]
    order = [*MATERIALISED, "macros"]
    return sorted(found, key=lambda relation: (order.index(relation.group), relation.name))


def as_markdown(relations: Iterable[Relation]) -> str:
    """Format the data dictionary as Markdown: a section per group, a table of columns per relation."""
    lines: list[str] = []
    group = ""
    for relation in relations:
        if relation.group != group:
            group = relation.group
            lines += [f"## {group.capitalize()}", ""]
        lines += [f"### `{relation.name}` ({relation.kind})", "", relation.comment or "", ""]
        if relation.columns:
            lines += ["| column | type | description |", "| --- | --- | --- |"]
            lines += [f"| `{column.name}` | {column.type} | {column.comment} |" for column in relation.columns]
            lines.append("")
    return "\n".join(lines)
