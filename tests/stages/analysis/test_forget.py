"""`gfpipe forget`: a recording leaves the lake with everything that is stored about it, and nothing else does."""

from dataclasses import replace
from pathlib import Path

import pytest

from gfpipe.labelling import store
from gfpipe.labelling.imports.speech import Segment
from gfpipe.labelling.labels import Label
from gfpipe.lake import identity, schedule
from gfpipe.lake.storage import Storage
from gfpipe.recording import Recording
from tests.conftest import Command
from tests.lake.kept import keep, recording


@pytest.fixture
def lake(tmp_path: Path) -> str:
    lake = str(tmp_path / "lake")
    news = recording(tmp_path / "archive")
    film = recording(tmp_path / "archive", "film", channel="two")
    for each in (news, film):
        keep(lake, each)
        store.write_speech(lake, each.recording_id, tmp_path / "speech.csv", [Segment("female", 0.0, 2.0)])
    answers = [
        Label(each.recording_id, 0.0, 0.0, 0.0, 48.0, 48.0, "female", 1.0, "Ada", False) for each in (news, film)
    ]
    store.write_labels(lake, tmp_path / "labels.csv", answers)
    schedule.record(lake, "archive", [news, film])
    return lake


def named(lake: str, of: Recording) -> list[str]:
    return [name for name in Storage(lake).files() if of.recording_id in name]


@pytest.mark.parametrize("option", ["recording", "path", "channel"])
def test_everything_of_a_recording_is_removed_and_counted(
    lake: str, tmp_path: Path, gfpipe: Command, option: str
) -> None:
    news, film = sorted(identity.recordings(lake), key=lambda each: each.channel)
    value = {"recording": news.recording_id, "path": "*/news.*", "channel": "one"}[option]
    before = Storage(lake).files()
    planned = gfpipe("forget", "--lake", lake, f"--{option}", value, "--dry-run")
    assert planned.code == 0
    assert "one · 2001-03-04 20:00 · news" in planned.stdout
    assert "two" not in planned.stdout
    assert Storage(lake).files() == before
    done = gfpipe("forget", "--lake", lake, f"--{option}", value, "--yes")
    assert done.code == 0
    assert "publish" in done.stderr
    assert named(lake, news) == []
    assert len(named(lake, film)) == len([name for name in before if film.recording_id in name])
    for table in ("labels", "schedule"):
        (name,) = (name for name in Storage(lake).files(table) if name.endswith(".parquet"))
        assert Storage(lake).read_table(name)["recording_id"].to_pylist() == [film.recording_id]


def test_what_is_not_in_the_lake_cannot_be_forgotten(lake: str, gfpipe: Command) -> None:
    for arguments in (("--recording", "x"), ("--channel", "nine"), ("--path", "*.avi"), ()):
        assert gfpipe("forget", "--lake", lake, *arguments, "--dry-run").code == 2


def test_an_interrupted_removal_is_completed(lake: str, gfpipe: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    news = next(each for each in identity.recordings(lake) if each.channel == "one")
    with monkeypatch.context() as patch:
        patch.setattr(identity, "_SHARDS", ("samples",))
        assert gfpipe("forget", "--lake", lake, "--channel", "one", "--yes").code == 0
    assert replace(news) in identity.recordings(lake)
    assert gfpipe("forget", "--lake", lake, "--channel", "one", "--yes").code == 0
    assert named(lake, news) == []
