"""Building the warehouse: in one step, from whatever the lake holds, wherever the lake stands."""

import multiprocessing
import os
import shutil
import signal
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import duckdb
import pyarrow.parquet as pq
import pytest

from gfpipe import warehouse
from gfpipe.base import files
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import schema
from gfpipe.stages.figures import publish
from gfpipe.warehouse import building
from gfpipe.warehouse.connection import escape_glob
from tests.conftest import ROOT
from tests.warehouse.lakes import (
    NIGHT,
    Face,
    Show,
    failed,
    shard_path,
    write_labels,
    write_schedule,
    write_shard,
    write_show,
)

pytestmark = pytest.mark.slow

WOMAN = Face(0.95)
SQL = sorted((ROOT / "sql").rglob("*.sql"))


def folder(file: Path) -> str:
    return file.relative_to(ROOT / "sql").parts[0]


def a_lake(lake: Path, seconds: float = 1.0) -> Path:
    write_show(lake, Show(samples=[(seconds, [WOMAN])]))
    return lake


def analysed_seconds(lake: Path) -> object:
    with warehouse.open(lake) as db:
        return db.query("select sum(analysed_seconds) as seconds from screen_time").column(0)[0].as_py()


def test_publishing_returns_the_figures_that_everybody_asks_for_first(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(2.0, [WOMAN])]))
    write_show(tmp_path, failed(Show(programme="Film"), "not a video"))
    published = publish.run(tmp_path)
    assert published.warehouse == tmp_path / "gfpipe.duckdb"
    assert [(row["channel"], row["share_female_face_time"]) for row in published.screen_time] == [("One", 1.0)]
    assert [(row["recordings"], row["reasons"]) for row in published.coverage] == [(2, "not a video")]


def test_every_relation_of_the_sql_folder_can_be_asked(tmp_path: Path) -> None:
    warehouse.build(a_lake(tmp_path))
    with warehouse.open(tmp_path) as db:
        for file in SQL:
            if folder(file) not in {"macros", "checks", "questions"}:
                assert db.query(f"from {file.stem}").num_columns > 1, file.name


@pytest.mark.parametrize("file", SQL, ids=lambda file: file.stem)
def test_a_file_of_sql_holds_one_statement(file: Path) -> None:
    assert len(duckdb.extract_statements(file.read_text(encoding="utf-8"))) == 1


def test_only_staging_reads_parquet() -> None:
    assert {folder(file) for file in SQL if "read_" in file.read_text(encoding="utf-8")} == {"staging"}


def test_a_schedule_alone_is_published_as_not_analysed_yet(tmp_path: Path) -> None:
    write_schedule(tmp_path, {"recording_id": "x", "scheduled_seconds": 60.0})
    published = publish.run(tmp_path)
    assert [(row["missing_recordings"], row["missing_seconds"]) for row in published.coverage] == [(1, 60.0)]
    assert [(row["recordings"], row["coverage"]) for row in published.screen_time] == [(0, 0.0)]


def test_a_report_can_be_made_without_publishing(tmp_path: Path) -> None:
    a_lake(tmp_path)
    (coverage,) = warehouse.report(tmp_path, "coverage")
    assert coverage.column("done_recordings").to_pylist() == [1]
    assert not (tmp_path / "gfpipe.duckdb").exists()


def test_unfinished_shards_are_never_read(tmp_path: Path) -> None:
    a_lake(tmp_path)
    for table, rows in Show(programme="Film", samples=[(5.0, [WOMAN])]).rows().items():
        shard = shard_path(tmp_path, table, Show(programme="Film"))
        write_shard(shard.with_name(f".{shard.name}.0f.tmp"), table, rows)
        write_shard(shard.with_name(f".{shard.name}"), table, rows)
        shard.with_name(f"{shard.name}.tmp").write_bytes(b"PAR1 half a shard")
    warehouse.build(tmp_path)
    assert analysed_seconds(tmp_path) == 1.0


def test_shards_of_an_older_version_lack_the_columns_that_came_later(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN])])
    write_show(tmp_path, show)
    for table, column in (("samples", "shot"), ("faces", "track_id"), ("recordings", "source_fingerprint")):
        shard = shard_path(tmp_path, table, show)
        pq.write_table(pq.ParquetFile(shard).read().drop_columns([column]), shard)
    publish.run(tmp_path)
    assert analysed_seconds(tmp_path) == 1.0


def test_a_warehouse_moves_with_its_lake(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "a [new]* lake's ä"
    warehouse.build(a_lake(old))
    shutil.move(old, new)
    with warehouse.open(new) as db:
        assert db.query("select count(*) as n from faces").to_pylist() == [{"n": 1}]
        assert db.check() == ()
    with pytest.raises(duckdb.IOException, match="No files found"):
        _ = counts_in_other_programs(new)
    with duckdb.connect(new / "gfpipe.duckdb", read_only=True) as connection:
        connection.execute("set variable lake = $lake", {"lake": escape_glob(new)})
        assert connection.execute("select count(*) from faces").fetchall() == [(1,)]
    assert warehouse.build(new) == new / "gfpipe.duckdb"
    assert analysed_seconds(new) == 1.0
    assert counts_in_other_programs(new) == {"faces": 1, "samples": 1, "stg_faces": 1}
    before = (new / "gfpipe.duckdb").stat().st_mtime_ns
    warehouse.build(new)
    assert (new / "gfpipe.duckdb").stat().st_mtime_ns == before


def counts_in_other_programs(lake: Path) -> dict[str, int]:
    """Numbers of rows that a program sees that opens the file and knows nothing of gfpipe."""
    with duckdb.connect(lake / "gfpipe.duckdb", read_only=True) as connection:
        return {name: len(connection.execute(f"from {name}").df()) for name in ("faces", "samples", "stg_faces")}


@pytest.mark.parametrize("name", ["lake", "it's a [lake]*"])
def test_other_programs_read_every_relation(tmp_path: Path, name: str) -> None:
    lake = tmp_path / name
    lake.mkdir()
    warehouse.build(a_lake(lake))
    assert counts_in_other_programs(lake) == {"faces": 1, "samples": 1, "stg_faces": 1}
    with duckdb.connect(lake / "gfpipe.duckdb", read_only=True) as connection:
        assert connection.execute("select analysed_seconds from screen_time_by_channel").fetchall() == [(1.0,)]
        assert connection.execute("select hours, women_percent from summary_by_channel").fetchall() == [(0.0, 100.0)]
        for relation, _ in connection.execute("select table_name, comment from duckdb_tables()").fetchall():
            connection.execute(f"from {relation} limit 1")
        views = connection.execute("select view_name, comment from duckdb_views() where not internal").fetchall()
        for view, comment in views:
            assert comment
            connection.execute(f"from {view} limit 1")


def test_a_reader_keeps_its_warehouse_while_another_is_built_and_sees_the_new_one_after_opening(tmp_path: Path) -> None:
    warehouse.build(a_lake(tmp_path))
    with warehouse.open(tmp_path) as reader:
        a_lake(tmp_path, seconds=2.0)
        warehouse.build(tmp_path)
        assert reader.query("select analysed_seconds as s from screen_time").to_pylist() == [{"s": 1.0}]
        assert analysed_seconds(tmp_path) == 2.0


def test_building_leaves_nothing_behind_but_the_warehouse(tmp_path: Path) -> None:
    warehouse.build(a_lake(tmp_path))
    warehouse.build(tmp_path)
    tables = set(schema.TABLES)
    assert {path.name for path in tmp_path.iterdir()} == tables | {"gfpipe.duckdb", "index"}


def test_two_builds_at_once_leave_one_whole_warehouse(tmp_path: Path) -> None:
    a_lake(tmp_path)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        built = list(pool.map(warehouse.build, [tmp_path] * 6))
    assert set(built) == {tmp_path / "gfpipe.duckdb"}
    assert analysed_seconds(tmp_path) == 1.0
    assert not list(tmp_path.glob(".gfpipe*"))


@pytest.mark.parametrize(("module", "step"), [(building, "write_schemas"), (building, "fill"), (files, "_sync")])
def test_a_build_that_is_killed_leaves_the_old_warehouse_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, step: str
) -> None:
    warehouse.build(a_lake(tmp_path))
    before = (tmp_path / "gfpipe.duckdb").read_bytes()
    a_lake(tmp_path, seconds=2.0)
    real = getattr(module, step)

    def step_and_die(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(module, step, step_and_die)
        process = multiprocessing.get_context("fork").Process(target=warehouse.build, args=(tmp_path,))
        process.start()
        process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "gfpipe.duckdb").read_bytes() == before
    assert analysed_seconds(tmp_path) == 1.0
    assert bool(list(tmp_path.glob(".gfpipe.duckdb.*.tmp"))) == (step == "fill")  # killed while the new one was built
    warehouse.build(tmp_path)
    assert analysed_seconds(tmp_path) == 2.0
    assert not list(tmp_path.glob(".*"))


def test_a_failed_build_leaves_the_old_warehouse_whole_and_names_the_file(tmp_path: Path) -> None:
    warehouse.build(a_lake(tmp_path))
    write_labels(tmp_path)
    (tmp_path / "labels" / "v1" / "labels.parquet").write_bytes(b"not Parquet at all, though it says so")
    with pytest.raises(LakeError, match=r"labels\.parquet"):
        warehouse.build(tmp_path)
    assert analysed_seconds(tmp_path) == 1.0
    assert not list(tmp_path.glob(".gfpipe*"))


def test_a_lake_that_is_not_there_was_never_published_or_is_empty_says_so(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"no such lake.*gfpipe analyse"):
        warehouse.build(tmp_path / "nowhere")
    with pytest.raises(LakeError, match="no such lake"):
        warehouse.open(tmp_path / "nowhere")
    with pytest.raises(LakeError, match="nothing has been analysed yet"):
        warehouse.build(tmp_path)
    with pytest.raises(LakeError, match=r"not published yet.*gfpipe publish"):
        warehouse.open(a_lake(tmp_path))
    with pytest.raises(LakeError, match="the object store cannot be used"):
        warehouse.build("s3://bucket/lake")


def test_a_file_that_is_no_warehouse_says_so(tmp_path: Path) -> None:
    (a_lake(tmp_path) / "gfpipe.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(LakeError, match=r"gfpipe\.duckdb: cannot be read as a warehouse"):
        warehouse.open(tmp_path)


def test_an_open_warehouse_answers_questions(tmp_path: Path) -> None:
    warehouse.build(a_lake(tmp_path))
    with warehouse.open(tmp_path) as db:
        found = db.query("select channel from recordings where channel = $channel", {"channel": "One"})
        assert found.to_pylist() == [{"channel": "One"}]
        assert db.query("explain select 1").num_rows == 1
        assert "screen_time" in db.query("show tables").column("name").to_pylist()
        assert db.query("describe recordings").num_rows > 30


@pytest.mark.parametrize(
    "sql",
    [
        "delete from recordings",
        "drop view coverage",
        "create table x as select 1",
        "copy recordings to '{lake}/copied.csv'",
        "explain analyze copy recordings to '{lake}/copied.csv'",
        "explain copy recordings to '{lake}/copied.csv'",
        "attach '{lake}/other.duckdb'",
        "set variable lake = '/'",
        "set enable_external_access = true",
        "install httpfs",
        "select 1; select 2",
        "",
        "selec 1",
        "from no_such_table",
        "select $missing",
    ],
)
def test_an_open_warehouse_answers_nothing_but_questions(tmp_path: Path, sql: str) -> None:
    warehouse.build(a_lake(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    with warehouse.open(tmp_path) as db, pytest.raises(UsageError):
        db.query(sql.format(lake=tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_an_open_warehouse_sees_nothing_outside_its_lake(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    warehouse.build(a_lake(tmp_path / "lake"))
    with warehouse.open(tmp_path / "lake") as db:
        for sql in (f"from read_csv('{secret}')", f"from '{secret}'", f"from read_text('{secret}')"):
            with pytest.raises((UsageError, LakeError)):
                db.query(sql)


def test_a_program_s_own_variables_are_no_tables(tmp_path: Path) -> None:
    warehouse.build(a_lake(tmp_path))
    with warehouse.open(tmp_path) as db:
        result = db.query("select 1 as a")
        assert result.num_rows == 1
        with pytest.raises(UsageError, match="result"):
            db.query("from result")


def test_memory_may_be_limited(tmp_path: Path) -> None:
    warehouse.build(a_lake(tmp_path), memory_limit="200MB")
    with warehouse.open(tmp_path, memory_limit="200MB") as db:
        (row,) = db.query("select current_setting('memory_limit') as memory").to_pylist()
    assert row["memory"].startswith("190")  # MiB


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("csv", 'name,seconds\n"a, b",1.5\n,2.0\n'),
        ("json", '[\n\t{"name":"a, b","seconds":1.5},\n\t{"name":null,"seconds":2.0}\n]\n'),
    ],
)
def test_results_are_written_as_other_programs_expect_them(
    tmp_path: Path, form: Literal["csv", "json"], written: str
) -> None:
    warehouse.build(a_lake(tmp_path))
    with warehouse.open(tmp_path) as db:
        result = db.query("select * from (values ('a, b', 1.5::double), (null, 2.0)) as t (name, seconds)")
    path = tmp_path / "it's a result"
    warehouse.write(result, form, path)
    assert path.read_text(encoding="utf-8") == written
    warehouse.write(result, "parquet", path)
    assert pq.ParquetFile(path).read().equals(result)
    assert warehouse.as_text(result, form) == written.rstrip("\n")
    warehouse.write(result, "table", path)
    assert "a, b" in path.read_text(encoding="utf-8")


def test_a_long_table_is_drawn_without_its_middle_and_says_how_long_it_is(tmp_path: Path) -> None:
    warehouse.build(a_lake(tmp_path))
    with warehouse.open(tmp_path) as db:
        drawn = warehouse.as_text(db.query("select range as number from range(1000) order by number"))
    assert len(drawn.splitlines()) < 60
    assert "1000 rows" in drawn
    assert "999" in drawn


def test_a_result_that_cannot_be_written_names_the_file(tmp_path: Path) -> None:
    warehouse.build(a_lake(tmp_path))
    with warehouse.open(tmp_path) as db:
        result = db.query("select 1 as a")
    (tmp_path / "no_folder").touch()
    with pytest.raises(LakeError, match="no_folder"):
        warehouse.write(result, "csv", tmp_path / "no_folder" / "x.csv")
    with pytest.raises(LakeError, match="no_folder"):
        warehouse.write(result, "table", tmp_path / "no_folder" / "x.txt")


def test_analysed_later_is_seen_by_staging_at_once_and_by_reports_after_publishing(tmp_path: Path) -> None:
    warehouse.build(a_lake(tmp_path))
    write_show(tmp_path, Show(programme="Film", analysed_at=NIGHT, samples=[(1.0, [])]))
    with warehouse.open(tmp_path) as db:
        assert db.query("from stg_recordings").num_rows == 2
        assert db.query("from recordings").num_rows == 1
        assert db.query("from samples").num_rows == 1
