"""Other programs read every table of a lake."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pytest

from gfpipe.lake import schema, shards
from gfpipe.lake.index import places
from gfpipe.nights import acknowledgements
from gfpipe.recording import Recording
from gfpipe.warehouse.building import write_schemas
from tests.lake.test_shards import RUN, START, analyse
from tests.warehouse.lakes import Show, write_labels, write_schedule, write_speech

READERS: dict[str, Callable[[Path], Any]] = {
    "pandas": pd.read_parquet,
    "pyarrow": lambda folder: ds.dataset(folder).to_table(),
    "pyarrow, Hive": lambda folder: ds.dataset(folder, partitioning="hive").to_table(),
    "DuckDB": lambda folder: duckdb.execute(f"from read_parquet('{folder}/**/*.parquet')").fetchall(),
}


def a_lake(lake: Path, channels: tuple[str, ...]) -> list[Recording]:
    recordings = [Recording(f"/archive/{channel}.ts", channel, "news", START) for channel in channels]
    for recording in recordings:
        analyse(str(lake), recording)
    write_schedule(lake, {"recording_id": "x"})
    write_labels(lake, {"recording_id": "x"})
    write_speech(lake, Show(), ("female", 0.0, 1.0))
    acknowledgements.record(str(lake), "/archive/x.ts", "scrambled")
    write_schemas(lake)
    return recordings


@pytest.mark.parametrize(
    "channels", [("One", "TV 1/2 ä=é"), ("1", "24"), ("1", "One")], ids=["names", "numbers", "both"]
)
def test_every_table_is_read_as_a_folder(tmp_path: Path, channels: tuple[str, ...]) -> None:
    a_lake(tmp_path, channels)
    for table in schema.TABLES:
        for name, read in READERS.items():
            assert len(read(tmp_path / table / "v1")) > 0, (table, name)
    assert set(pd.read_parquet(tmp_path / "recordings" / "v1")["channel"]) == set(channels)


def test_no_hive_key_is_a_column(tmp_path: Path) -> None:
    a_lake(tmp_path, ("One",))
    for shard in tmp_path.rglob("*.parquet"):
        *folders, _ = shard.relative_to(tmp_path).parts
        keys = {folder.split("=")[0] for folder in folders if "=" in folder}
        assert not keys & set(schema.TABLES[folders[0]].names), shard


def test_hidden_files_are_hidden_for_spark_too(tmp_path: Path) -> None:
    """Spark skips names that begin with a dot or an underscore, and wants all other files at one depth."""
    a_lake(tmp_path, ("One", "Two"))
    for table in schema.TABLES:
        visible = [file for file in (tmp_path / table / "v1").rglob("*") if file.is_file() and file.name[0] not in "._"]
        assert len({len(file.parts) for file in visible}) == 1


def test_shards_in_folders_of_earlier_versions_are_moved_and_still_finished(tmp_path: Path) -> None:
    lake = str(tmp_path)
    (recording,) = a_lake(tmp_path, ("TV 1",))
    shard = tmp_path.joinpath(*places.place("recordings", recording))
    former = tmp_path / "recordings" / "v1" / f"channel={quote('TV 1')}" / shard.parent.name / shard.name
    merged = former.with_name("merged.parquet")
    former.parent.mkdir(parents=True)
    merged.write_bytes(shard.read_bytes())
    shard.rename(former)
    assert shards.finished(lake, recording, RUN) is not None
    assert shard.exists()
    assert not former.exists()
    assert merged.exists()
