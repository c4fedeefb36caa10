"""A warehouse that is brought up to date has the rows of one that is built anew, whatever has changed."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfpipe import warehouse
from gfpipe.counting import Counting
from gfpipe.estimates import measure
from gfpipe.stages.figures import publish
from gfpipe.warehouse import building
from tests.warehouse.lakes import (
    EVENING,
    NIGHT,
    Face,
    Show,
    failed,
    shard_path,
    write_labels,
    write_schedule,
    write_show,
    write_speech,
)

pytestmark = pytest.mark.slow

TABLES = "select table_name from duckdb_tables() where database_name = 'gfpipe' order by all"
OF_FILES = {"built_from", "build"}


class Archive:
    """A lake that changes: several channels, with overlaps, copies, failures, labels and speech."""

    def __init__(self, lake: Path, random: Random) -> None:
        self.lake, self.random = lake, random
        self.shows: dict[str, Show] = {}
        self.labels: list[dict[str, Any]] = []
        self.runs = 0
        for _ in range(8):
            self.add()

    def add(self) -> None:
        hour = self.random.randrange(24)
        show = Show(
            channel=self.random.choice(["One", "Two"]),
            programme=self.random.choice(["News", "Film", "Sport"]),
            start=EVENING + timedelta(hours=hour, seconds=self.random.choice([0, 0, 30])),
            changes={"source_fingerprint": self.random.choice(["a", "b", None])},
        )
        self.write(replace(show, samples=self.samples()))

    def analyse_again(self) -> None:
        show, self.runs = self.one(), self.runs + 1
        changes = {name: value for name, value in show.changes.items() if name == "source_fingerprint"}
        later = NIGHT + timedelta(hours=self.runs)
        self.write(replace(show, samples=self.samples(), digest=f"d{self.runs}", analysed_at=later, changes=changes))

    def reclassify(self) -> None:
        show, self.runs = self.one(), self.runs + 1
        model = self.random.choice(["model-b", "model-c"])
        changes = show.changes | {"classifier_id": model}
        self.write(replace(show, models=(*show.models[:1], model), digest=f"d{self.runs}", changes=changes))

    def forget(self) -> None:
        show = self.one()
        del self.shows[show.recording_id]
        for table in show.rows():
            shard_path(self.lake, table, show).unlink()

    def fail(self) -> None:
        self.write(failed(replace(self.one(), samples=[], changes={}), self.random.choice(["no video", "cut"])))

    def label(self) -> None:
        show = self.one()
        row = {"recording_id": show.recording_id, "seconds": 0.0, "annotator": self.random.choice(["Ada", "Eva"])}
        self.labels.append(row | {"answer": self.random.choice(["female", "male", "no_face"])})
        write_labels(self.lake, *self.labels)

    def take_labels_back(self) -> None:
        self.labels = self.labels[: len(self.labels) // 2]
        write_labels(self.lake, *self.labels)

    def speak(self) -> None:
        write_speech(self.lake, self.one(), (self.random.choice(["female", "male"]), 0.0, self.random.random() * 60))

    def schedule(self) -> None:
        listed = self.random.sample(list(self.shows.values()), len(self.shows) // 2)
        rows = ({"recording_id": show.recording_id, "path": f"/{show.recording_id}.ts"} for show in listed)
        known = {"scheduled_seconds": self.random.choice([60.0, 120.0, None])}
        rejected = {"path": "/what.ts", "problem": "no time"}
        write_schedule(self.lake, *(row | known for row in rows), {"recording_id": "never", "path": "/n.ts"}, rejected)

    def damage(self) -> None:
        path = shard_path(self.lake, self.random.choice(["faces", "samples"]), self.one())
        path.write_bytes(b"PAR1 half a shard")

    def touch(self) -> None:
        os.utime(shard_path(self.lake, "faces", self.one()))

    def relist(self) -> None:
        """The archive names another programme and time zone for a recording."""
        show = self.one()
        self.write(replace(show, changes=show.changes | {"timezone": self.random.choice(["UTC", "+02:00"])}))

    def one(self) -> Show:
        return self.random.choice(list(self.shows.values()))

    def samples(self) -> list[tuple[float, list[Face]]]:
        return [
            (self.random.choice([1.0, 10.0]), [self.face() for _ in range(self.random.randrange(3))])
            for _ in range(self.random.randrange(1, 5))
        ]

    def face(self) -> Face:
        return Face(self.random.random(), self.random.choice([20.0, 40.0, 100.0]), self.random.choice([None, 1, 2]))

    def write(self, show: Show) -> None:
        self.shows[show.recording_id] = show
        write_show(self.lake, show)


def rows(lake: Path) -> dict[str, list[str]]:
    """Rows of every table, in no order; sums are of numbers in any order."""
    with warehouse.open(lake) as db:
        names = set(db.query(TABLES)["table_name"].to_pylist()) - OF_FILES
        return {name: sorted(map(as_text, db.query(f"from {name}").to_pylist())) for name in names}


def as_text(row: dict[str, Any]) -> str:
    return str({name: f"{value:.9g}" if isinstance(value, float) else value for name, value in row.items()})


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What each building has done."""
    done: list[str] = []
    for name in ("_create", "_update"):
        real = getattr(building, name)

        def noted(*args: Any, name: str = name, real: Callable[..., Any] = real) -> Any:
            result = real(*args)
            done.append(name.strip("_") if not result else "gave up")
            return result

        monkeypatch.setattr(building, name, noted)
    return done


CHANGES: list[Callable[[Archive], None]] = [
    Archive.add,
    Archive.analyse_again,
    Archive.reclassify,
    Archive.forget,
    Archive.fail,
    Archive.label,
    Archive.take_labels_back,
    Archive.speak,
    Archive.schedule,
    Archive.damage,
    Archive.touch,
    Archive.relist,
]


@settings(max_examples=2, derandomize=True, database=None, deadline=None)
@given(
    nights=st.lists(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3), min_size=3, max_size=5),
    random=st.randoms(use_true_random=False),
)
def test_any_order_of_changes_ends_in_the_rows_of_a_warehouse_that_is_built_anew(
    nights: list[list[Callable[[Archive], None]]], random: Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder, "lake"), random)
        publish.run(archive.lake)
        reasons = []
        for changes in nights:
            for change in changes:
                change(archive)
            reasons.append(publish.run(archive.lake).rebuilt)
        anew = shutil.copytree(archive.lake, Path(folder, "anew"))
        publish.run(anew, rebuild=True)
        assert None in reasons
        assert rows(archive.lake) == rows(anew)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Five recordings of an hour each, published."""
    for show in shows():
        write_show(tmp_path, show)
    publish.run(tmp_path)
    return tmp_path


def shows(samples: tuple[tuple[float, list[Face]], ...] = ((1.0, [Face(0.9)]),)) -> list[Show]:
    return [Show(start=EVENING + timedelta(hours=hour), samples=list(samples)) for hour in range(5)]


def women(lake: Path) -> object:
    with warehouse.open(lake) as db:
        return db.query("select sum(female_face_seconds) as seconds from rollup")["seconds"][0].as_py()


def test_shards_of_recordings_that_did_not_change_are_not_read_again(lake: Path, updates: list[str]) -> None:
    for show in shows():
        shard = shard_path(lake, "faces", show)
        status = shard.stat()
        shard.write_bytes(bytes(status.st_size))
        os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns))
    write_show(lake, Show(channel="Two", samples=[(10.0, [Face(0.9)])]))
    publish.run(lake)
    assert updates == ["update"]
    assert women(lake) == 15.0


def test_without_changes_the_warehouse_stays_the_same_file(lake: Path, updates: list[str]) -> None:
    before = (lake / "gfpipe.duckdb").stat()
    publish.run(lake)
    assert (lake / "gfpipe.duckdb").stat() == before
    assert updates == []


def test_a_new_listing_of_the_same_recordings_does_not_estimate_again(
    lake: Path, updates: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [{"recording_id": show.recording_id, "scheduled_seconds": 1.0} for show in shows()]
    write_schedule(lake, *listed)
    publish.run(lake)
    with monkeypatch.context() as patch:
        patch.setattr(measure, "_figures", None)
        write_schedule(lake, *(row | {"seen_at": NIGHT + timedelta(days=1)} for row in listed))
        publish.run(lake)
    assert updates == ["update", "update"]
    with warehouse.open(lake) as db:
        assert db.query("select distinct seen_at from schedule").num_rows == 1
        assert db.query("select coverage from estimates where grouping = 'all'")["coverage"].to_pylist() == [1.0]
    write_schedule(lake, *(row | {"scheduled_seconds": 2.0} for row in listed))
    publish.run(lake)
    with warehouse.open(lake) as db:
        assert db.query("select coverage from estimates where grouping = 'all'")["coverage"].to_pylist() == [0.5]


def test_only_groups_whose_recordings_or_labels_changed_are_estimated_again(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[int] = []
    real = measure._figures

    def noted(group: Any, *others: Any) -> Any:
        again.append(group.recordings)
        return real(group, *others)

    monkeypatch.setattr(measure, "_figures", noted)
    later = Show(channel="Two", programme="Film", start=EVENING + timedelta(days=40), samples=[(1.0, [Face(0.9)])])
    write_show(lake, later)
    publish.run(lake)
    # Of everything; of the new channel, month, programme and hour of the week; channel One stays as it is.
    assert sorted(again) == [1, 1, 1, 1, 1, 6]
    write_labels(lake, {"recording_id": later.recording_id})
    publish.run(lake)
    with warehouse.open(lake) as db:
        assert len(again) == 6 + db.query("from estimates").num_rows


def test_the_same_content_in_another_file_changes_nothing(lake: Path, updates: list[str]) -> None:
    """Restored from a backup, or copied to another disk."""
    for shard in lake.rglob("one-*.parquet"):
        os.utime(shard)
    published = publish.run(lake)
    assert (updates, published.rebuilt) == ([], None)


def test_a_warehouse_that_was_damaged_is_built_anew(lake: Path, updates: list[str]) -> None:
    path = lake / "gfpipe.duckdb"
    sound = path.read_bytes()
    middle = len(sound) // 2
    path.write_bytes(
        sound[:middle] + bytes([byte ^ 255 for byte in sound[middle : middle + 2000]]) + sound[middle + 2000 :]
    )
    publish.run(lake)
    assert women(lake) == 5.0
    path.write_bytes(b"no database")
    assert "damaged" in str(publish.run(lake).rebuilt)
    assert updates[-1] == "create"
    assert women(lake) == 5.0


def test_other_counting_options_count_everything_anew_and_say_so(lake: Path, updates: list[str]) -> None:
    published = publish.run(lake, counting=Counting(min_face=100.0))
    assert published.rebuilt == "[counting] has changed: min_face"
    assert updates == ["create"]
    assert women(lake) == 0.0
    assert publish.run(lake, counting=Counting(min_face=100.0)).rebuilt is None


def test_it_is_built_anew_on_request_and_where_most_recordings_changed(lake: Path, updates: list[str]) -> None:
    assert publish.run(lake, rebuild=True).rebuilt is None
    for show in shows(((2.0, [Face(0.9)]),)):
        write_show(lake, show)
    assert publish.run(lake).rebuilt == "most recordings have changed"
    assert updates == ["create", "gave up", "create"]
    assert women(lake) == 10.0


def test_a_recording_whose_figures_do_not_add_up_leaves_the_old_warehouse(lake: Path) -> None:
    wrong = Show(channel="Two", samples=[(1.0, [])], changes={"sample_count": 7})
    write_show(lake, wrong)
    with pytest.raises(warehouse.CheckError, match=wrong.recording_id):
        publish.run(lake)
    assert women(lake) == 5.0
    write_show(lake, replace(wrong, changes={}))
    publish.run(lake)
    with warehouse.open(lake) as db:
        assert db.query("from screen_time").num_rows == 6
