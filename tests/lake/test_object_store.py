"""A lake on an S3-compatible store: moto's server on this machine, with the usual environment variables."""

import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from gfpipe import warehouse
from gfpipe.errors import LakeError
from gfpipe.lake import schema, shards
from gfpipe.lake.index import earlier, mirror, slices
from gfpipe.lake.retention import PurgeScope
from gfpipe.lake.storage import Storage
from gfpipe.stages.analysis import compact, forget, purge
from tests.lake import kept
from tests.lake.test_compaction import listed

LAKE = "s3://archive/lake"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a running server."""
    running = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An empty bucket."""
    variables = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "GFPIPE_CACHE": str(tmp_path / "cache"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    if store.exists("archive"):
        store.rm("archive", recursive=True)
    store.mkdir("archive")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    return LAKE


def samples(lake: str) -> list[int]:
    warehouse.build(lake)
    with warehouse.open(lake) as db:
        return sorted(db.query("select samples from screen_time")["samples"].to_pylist())


@pytest.mark.slow
def test_a_lake_in_a_bucket_is_written_published_compacted_and_forgotten(store: str, tmp_path: Path) -> None:
    recordings = [listed(tmp_path, name) for name in ("news", "film", "sport")]
    for count, recording in enumerate(recordings, 3):
        kept.keep(store, recording, count)
    assert all(earlier.finished(store, recordings, kept.RUN))
    assert samples(store) == [3, 4, 5]
    assert Storage(store).exists(warehouse.NAME)
    assert compact.run(store).recordings == 3
    names = [name for table in schema.ANALYSED for name in Storage(store).files(table)]
    assert {name.split("/")[-1] for name in names} == {slices.NAME}
    assert samples(store) == [3, 4, 5]
    kept.keep(store, recordings[0], 40, digest="digest2", with_crops=False)
    assert samples(store) == [4, 5, 40]
    purge.run(store, PurgeScope(recordings=(recordings[1].recording_id,)))
    forget.run(store, recordings[1:2])
    assert samples(store) == [5, 40]
    assert shards.stored(store, recordings[1]) is None


@pytest.mark.slow
def test_only_files_that_have_changed_are_fetched(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.keep(store, listed(tmp_path, "news"), 3, with_crops=False)
    mirror.fetch(store)
    film = listed(tmp_path, "film")
    kept.keep(store, film, 4, with_crops=False)
    fetched: list[str] = []
    get = Storage.get

    def noted(storage: Storage, name: str, target: Path) -> None:
        fetched.append(name)
        get(storage, name, target)

    monkeypatch.setattr(Storage, "get", noted)
    folder = mirror.fetch(store)
    assert {Path(name).stem for name in fetched} == {film.recording_id}
    assert len(fetched) == len(schema.ANALYSED)
    Storage(store).delete(fetched[0])
    mirror.fetch(store)
    assert not (folder / fetched[0]).exists()


@pytest.mark.slow
def test_a_damaged_object_is_set_aside_in_the_bucket(store: str, tmp_path: Path) -> None:
    news = kept.keep(store, listed(tmp_path, "news"), 3, with_crops=False)
    storage = Storage(store)
    name = next(iter(storage.files("faces")))
    path = tmp_path / "half"
    storage.get(name, path)
    path.write_bytes(path.read_bytes()[:200])
    storage.put(path, name)
    assert list(earlier.finished(store, [news], kept.RUN)) == [None]
    assert not storage.exists(name)
    kept.keep(store, news, 3, with_crops=False)
    assert samples(store) == [3]


@pytest.mark.slow
def test_a_store_that_refuses_or_is_not_there_is_one_clear_error(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LakeError, match="nothing has been analysed yet, or it is no lake"):
        Storage("s3://archive/elsewhere").require()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(LakeError, match=r"object store cannot be used.*AWS_ENDPOINT_URL"):
        Storage("s3://other/lake").require()


def test_without_s3fs_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"].__dict__["_registry"], "s3", raising=False)
    with pytest.raises(LakeError, match=r"s3://bucket/lake: .*pip install 'gfpipe\[s3\]'"):
        Storage("s3://bucket/lake").require()
