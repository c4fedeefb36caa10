"""Descriptions of columns, from ``sql/columns.toml``: comments in the database and metadata of exported files."""

import tomllib
from functools import cache
from typing import Final

import pyarrow as pa

from gfpipe.base.files import shipped_folder

EXPORT: Final = "export"
_ENDS: Final = {
    "_analytic_low": "lower end of the 95 % interval of Lang and Reiczigel for {}",
    "_analytic_high": "upper end of the 95 % interval of Lang and Reiczigel for {}",
    "_low": "lower end of the 95 % interval of {}",
    "_high": "upper end of the 95 % interval of {}",
}


@cache
def glossary() -> dict[str, dict[str, str]]:
    """Tables of ``sql/columns.toml``: ``columns``, ``relations``, ``export``, and overrides by relation."""
    return tomllib.loads((shipped_folder("sql") / "columns.toml").read_text(encoding="utf-8"))


def description(column: str, relation: str = EXPORT) -> str:
    """Description of a column of a relation, or of a user's metadata file."""
    for end, text in _ENDS.items():
        if column.endswith(end):
            return text.format(column.removesuffix(end))
    names = glossary()["columns"] | glossary().get(relation, {})
    return names.get(column, f"{column}, from the file of programmes or channels")


def described(table: pa.Table) -> pa.Table:
    """The table with a ``description`` in each field's metadata."""
    fields = [field.with_metadata({"description": description(field.name)}) for field in table.schema]
    return table.cast(pa.schema(fields))
