"""The warehouse of an earlier publishing: what it was built from, and whether it can be brought up to date."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from typing import Final

from gfpipe.base.validation import parse
from gfpipe.counting import Counting
from gfpipe.errors import GfpipeError
from gfpipe.lake.index.holdings import DamagedShard, Holdings
from gfpipe.warehouse.connection import NAME, escape_glob, quoted
from gfpipe.warehouse.database import open_any
from gfpipe.warehouse.shards import digests

_FILES: Final = "select file, digest from built_from"
_SHARD_FILES: Final = "select macro_definition from duckdb_functions() where function_name = 'shard_files'"
_TABLES: Final = "select table_name from duckdb_tables() where database_name = 'gfpipe'"


@dataclass(frozen=True)
class Former:
    """A published warehouse.

    Attributes:
        files: digests of the files that it was built from, by names within the lake.
        damaged: shards that it does not contain because they are damaged.
        reason: why it cannot be brought up to date; empty if there is none; None if it can.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    damaged: frozenset[DamagedShard] = frozenset()
    reason: str | None = ""

    def holds(self, now: Holdings) -> bool:
        """Whether the lake is as it was."""
        return self.files == digests(now.files) and self.damaged == frozenset(now.damaged)

    def is_sound(self, lake: Path) -> bool:
        """Read all of it, as DuckDB verifies what it reads; it is not sound if its lake was elsewhere."""
        try:
            with open_any(lake) as db:
                if quoted(escape_glob(lake)) not in db.query(_SHARD_FILES)["macro_definition"][0].as_py():
                    return False
                for name in db.query(_TABLES)["table_name"].to_pylist():
                    db.query(f'select bit_xor(hash(columns(*))) from "{name}"')  # noqa: S608
        except GfpipeError:
            return False
        return True


def read(lake: Path, counting: Counting, built_with: str) -> Former:
    """What the published warehouse was built from, and why it cannot be brought up to date for other options."""
    if not (lake / NAME).exists():
        return Former()
    try:
        with open_any(lake) as db:
            files = dict(zip(*db.query(_FILES).to_pydict().values(), strict=True))
            if db.query("from build")["built_with"].to_pylist() != [built_with]:
                return Former(files, reason="the published warehouse is of another version of gfpipe")
            damaged = frozenset(DamagedShard(**row) for row in db.query("from damaged_shards").to_pylist())
            counted = parse(Counting, db.query("from counting").to_pylist()[0])
    except GfpipeError:
        return Former(reason="the published warehouse is damaged, or of another version of gfpipe")
    changed = [name for name, value in vars(counting).items() if not _is_same(value, getattr(counted, name))]
    return Former(files, damaged, f"[counting] has changed: {', '.join(changed)}" if changed else None)


def _is_same(value: object, published: object) -> bool:
    """Whether an option is the published one; the warehouse stores some numbers in single precision."""
    if isinstance(value, float) and isinstance(published, float):
        return isclose(value, published, rel_tol=1e-6)
    return value == published
