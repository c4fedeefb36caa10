"""One file, by path and content, is one recording, under whatever name and time the archive lists it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gfpipe import warehouse
from gfpipe.labelling import store
from gfpipe.labelling.imports.speech import Segment
from gfpipe.labelling.labels import Label
from gfpipe.lake import crops, identity, retention, schedule, shards
from gfpipe.lake.storage import Storage
from gfpipe.recording import Recording
from tests.lake.kept import RUN, keep, recording

pytestmark = pytest.mark.slow

PARIS, NEW_YORK = ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York")
DAY = timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


@pytest.fixture
def news(tmp_path: Path) -> Recording:
    made = recording(tmp_path)
    return replace(made, start=datetime(2001, 3, 4, 20, tzinfo=PARIS))


def listed(lake: str, *recordings: Recording) -> tuple[identity.Change, ...]:
    """List an archive as `gfpipe analyse` does."""
    found = identity.changes(lake, recordings)
    schedule.record(lake, "archive", recordings)
    identity.apply(lake, found)
    return found


def counted(lake: str) -> list[tuple[str, datetime, float]]:
    """Channel, start and seconds of each recording of the figures, after all checks."""
    warehouse.build(lake)
    with warehouse.open(lake) as db:
        assert db.check() == ()
        rows = db.query("select channel, started_at, analysed_seconds from screen_time order by all").to_pylist()
        assert db.query("select sum(step_seconds) as s, min(aired_at) as first from sample_gender").to_pylist() == [
            {"s": sum(row["analysed_seconds"] for row in rows), "first": min(row["started_at"] for row in rows)}
        ]
    return [tuple(row.values()) for row in rows]


def files(lake: str) -> set[str]:
    """Shards of recordings and names that hold a recording's id."""
    return {name for name in Storage(lake).files() if "-20010" in name and not name.endswith(".lock")}


def label(lake: str, of: Recording, folder: Path) -> None:
    answer = Label(of.recording_id, 0.0, 0.0, 0.0, 48.0, 48.0, "female", 1.0, "Ada", False)
    (folder / "labels.csv").touch()
    store.write_labels(lake, folder / "labels.csv", [answer])
    store.write_speech(lake, of.recording_id, folder / "speech.csv", [Segment("female", 0.0, 2.0)])


@pytest.mark.parametrize(
    "change",
    [
        {"start": datetime(2001, 3, 4, 20, tzinfo=NEW_YORK)},
        {"start": datetime(2001, 3, 4, 0, tzinfo=PARIS)},
        {"start": datetime(2001, 2, 1, 20, tzinfo=PARIS)},  # another day and month: the content decides
        {"channel": "two"},
        {"programme": "Film"},
        {"channel": "two", "programme": "Film", "start": datetime(2001, 3, 5, tzinfo=UTC)},
    ],
)
def test_an_entry_moves_with_crops_labels_and_speech(
    lake: str, news: Recording, change: dict[str, object], tmp_path: Path
) -> None:
    keep(lake, news)
    label(lake, news, tmp_path)
    now = replace(news, **change)  # type: ignore[arg-type]
    (found,) = listed(lake, now)
    assert found == identity.Change(news, now, True)
    assert counted(lake) == [(now.channel, now.start.astimezone(UTC), 3.0)]
    assert all(now.recording_id in name for name in files(lake))
    done = shards.finished(lake, now, RUN)
    assert done is not None
    assert done.summary.faces == 3
    assert crops.jpeg(lake, now.recording_id, 2, 0, "digest1") is not None
    with warehouse.open(lake) as db:
        assert db.query("select recording_id, answer from labelled_faces").to_pylist() == [
            {"recording_id": now.recording_id, "answer": "female"}
        ]
        assert db.query("select women_heard_seconds from seen_and_heard").to_pylist() == [{"women_heard_seconds": 2.0}]
    assert listed(lake, now) == ()


def test_a_lake_that_holds_a_file_three_times_counts_it_once_and_is_healed(lake: str, news: Recording) -> None:
    thrice = [news, replace(news, start=news.start.replace(tzinfo=NEW_YORK)), replace(news, start=news.start - DAY / 2)]
    for each in thrice:
        keep(lake, each)
    schedule.record(lake, "archive", [thrice[1]])
    assert counted(lake) == [("one", thrice[1].start.astimezone(UTC), 3.0)]
    assert len(listed(lake, news)) == 2
    assert counted(lake) == [("one", news.start.astimezone(UTC), 3.0)]
    assert all(news.recording_id in name for name in files(lake))


def test_a_file_that_moved_keeps_its_analysis(lake: str, news: Recording, tmp_path: Path) -> None:
    keep(lake, news)
    Path(news.path).rename(tmp_path / "moved.ts")
    same_id = replace(news, path=str(tmp_path / "moved.ts"))
    assert listed(lake, same_id) == (identity.Change(news, same_id, True),)
    Path(same_id.path).rename(tmp_path / "again.ts")
    other_id = replace(news, path=str(tmp_path / "again.ts"), channel="two")
    assert listed(lake, other_id) == (identity.Change(same_id, other_id, True),)
    assert counted(lake) == [("two", news.start.astimezone(UTC), 3.0)]


def test_a_copy_does_not_move_the_entry_of_its_original(lake: str, news: Recording, tmp_path: Path) -> None:
    keep(lake, news)
    (tmp_path / "copy.ts").write_bytes(Path(news.path).read_bytes())
    assert listed(lake, replace(news, path=str(tmp_path / "copy.ts"), channel="two")) == ()


def test_replaced_content_is_analysed_again_and_its_former_entry_is_removed(lake: str, news: Recording) -> None:
    keep(lake, news)
    Path(news.path).write_bytes(b"the whole programme")
    assert shards.finished(lake, news, RUN) is None
    now = replace(news, start=news.start.replace(tzinfo=NEW_YORK))
    assert listed(lake, now) == (identity.Change(news, now, False),)
    assert files(lake) == set()


def test_a_recorder_that_uses_a_file_again_a_day_later_keeps_the_earlier_broadcast(lake: str, news: Recording) -> None:
    keep(lake, news)
    Path(news.path).write_bytes(b"the next evening")
    next_day = replace(news, start=news.start + DAY)
    assert listed(lake, next_day) == ()
    keep(lake, next_day)
    assert len(counted(lake)) == 2


def test_another_zone_of_the_same_moment_changes_the_local_time_only(lake: str, news: Recording) -> None:
    keep(lake, news)
    now = replace(news, start=news.start.astimezone(NEW_YORK))
    (found,) = listed(lake, now)
    assert not found.renames
    warehouse.build(lake)
    with warehouse.open(lake) as db:
        (row,) = db.query("select hour(started_at_local) as hour from recordings").to_pylist()
    assert row["hour"] == 14


def test_what_an_interrupted_move_leaves_is_counted_once_and_completed(
    lake: str, news: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(lake, news)
    label(lake, news, tmp_path)
    now = replace(news, channel="two", start=news.start + DAY / 4)

    def dying(allowed: int) -> Iterator[None]:
        """Let some writes and removals of files happen, then raise as Ctrl-C does."""
        for _ in range(allowed):
            yield
        raise KeyboardInterrupt

    writes = 0
    for allowed in range(40):
        step = dying(allowed)
        with monkeypatch.context() as patch:
            for owner, method in ((Storage, "delete"), (retention, "rewrite")):
                real = getattr(owner, method)
                patch.setattr(owner, method, lambda *args, real=real, step=step: (next(step), real(*args))[1])
            try:
                listed(lake, now)
            except KeyboardInterrupt:
                writes += 1
            else:
                break
        recordings, samples = warehouse.report(lake, "recordings", "samples")
        assert (len(recordings), sum(samples["step_seconds"].to_pylist())) == (1, 3.0)
    assert writes > 5
    assert counted(lake) == [("two", now.start.astimezone(UTC), 3.0)]
    assert all(now.recording_id in name for name in files(lake))
    with warehouse.open(lake) as db:
        assert len(db.query("from labelled_faces")) == 1
        assert len(db.query("from seen_and_heard")) == 1


def test_changes_are_described_with_their_number_and_an_example(news: Recording) -> None:
    moved = [
        identity.Change(each, replace(each, start=each.start.replace(tzinfo=NEW_YORK)), True)
        for each in (replace(news, programme=str(number)) for number in range(20))
    ]
    (line,) = identity.described(moved)
    assert line.startswith("20 recordings change their start by +6 hours, such as ")
    assert "one · 2001-03-04 20:00 · 0 (Europe/Paris) becomes one · 2001-03-04 20:00 · 0 (America/New_York)" in line
