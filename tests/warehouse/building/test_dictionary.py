"""The data dictionary: comments on every relation, macro and column of a published warehouse."""

from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.exports.columns import glossary
from gfpipe.stages.figures import dictionary, publish
from gfpipe.warehouse import Relation, Warehouse
from tests.warehouse.lakes import Face, Show, write_show


@pytest.fixture(scope="module")
def relations() -> list[Relation]:
    from gfpipe.estimates import published

    return warehouse.data_dictionary(published.tables)


def test_every_relation_macro_and_column_has_a_comment(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [Face(0.9)])]))
    publish.run(tmp_path)
    with warehouse.open(tmp_path) as db:
        assert uncommented(db) == []
        row = db.query("select comment from duckdb_columns() where table_name = 'rollup' and column_name = 'hour'")
        assert row["comment"].to_pylist() == ["hour on the local clock (0 to 23)"]


def uncommented(db: Warehouse) -> list[str]:
    """Names in DuckDB's own catalogue that have no comment, or a comment for unknown columns."""
    catalogue = db.query(
        """
        select table_name as name, comment from duckdb_tables() where database_name = 'gfpipe'
        union all
        select view_name, comment from duckdb_views() where database_name = 'gfpipe' and not internal
        union all
        select function_name, comment from duckdb_functions() where database_name = 'gfpipe' and not internal
        union all
        select table_name || '.' || column_name, comment from duckdb_columns() where database_name = 'gfpipe'
        """
    ).to_pylist()
    assert len(catalogue) > 700
    return [row["name"] for row in catalogue if not row["comment"] or "file of programmes" in row["comment"]]


def test_every_entry_of_the_glossary_describes_something(relations: list[Relation]) -> None:
    columns = {relation.name: {column.name for column in relation.columns} for relation in relations}
    own = {name: names for name, names in glossary().items() if name not in ("columns", "relations", "export")}
    assert set(glossary()["relations"]) <= set(columns)
    assert {f"{name}.{column}" for name in own for column in set(own[name]) - columns.get(name, set())} == set()
    used = {column for name, names in columns.items() for column in names - set(own.get(name, ()))}
    assert set(glossary()["columns"]) - used == set()


def test_a_relation_does_not_repeat_a_description_of_the_glossary() -> None:
    everywhere = glossary()["columns"]
    own = {name: names for name, names in glossary().items() if name not in ("columns", "relations")}
    repeated = [(name, column) for name in own for column, text in own[name].items() if everywhere.get(column) == text]
    assert repeated == []


def test_the_dictionary_lists_relations_with_columns_types_and_comments(relations: list[Relation]) -> None:
    by_name = {relation.name: relation for relation in relations}
    assert {relation.group for relation in relations} == {"staging", "intermediate", "marts", "reports", "macros"}
    assert by_name["share(part, whole)"].columns == ()
    rollup = by_name["rollup"]
    assert (rollup.kind, rollup.group) == ("table", "marts")
    assert [(column.type, column.comment) for column in rollup.columns if column.name == "weekday"] == [
        ("INTEGER", "day of the week on air, local date (1 Monday to 7 Sunday)")
    ]


def test_the_dictionary_is_written_as_markdown() -> None:
    text = dictionary.run()
    assert "### `estimates` (table)" in text
    assert "| `hour` | INTEGER | hour on the local clock (0 to 23) |" in text
