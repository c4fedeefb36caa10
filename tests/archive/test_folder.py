"""Nothing in an archive folder is left out without a word."""

import os
from pathlib import Path

import pytest

from gfpipe.archive.manifest import read
from gfpipe.base import regular
from gfpipe.base.files import as_text, on_disk
from gfpipe.choices import DEFAULT_PATTERN
from gfpipe.errors import UsageError
from gfpipe.lake import schedule
from gfpipe.video.encode import write_video
from gfpipe.video.probe import probe
from tests.archive.folders import archive
from tests.pipeline.archives import FPS, nobody


@pytest.mark.parametrize("ending", ["trp", "tp", "rec", "f4v", "wtv", "dvr-ms", "M2TS", "mxf"])
def test_every_ending_of_a_video_is_listed(tmp_path: Path, ending: str) -> None:
    contents = read(archive(tmp_path, f"tv1/2001-03-04/2000_news.{ending}"), DEFAULT_PATTERN, "UTC")
    assert (len(contents.recordings), contents.notes) == (1, ())


def test_other_files_are_counted_by_ending(tmp_path: Path) -> None:
    names = ["2000_news.ts", "2000_news.srt", "2100_film.srt", "README", ".2000_news.ts"]
    contents = read(archive(tmp_path, *(f"tv1/2001-03-04/{name}" for name in names)), DEFAULT_PATTERN, "UTC")
    assert contents.notes == ("passed over, as their endings are not those of videos: 2 .srt, 1 without ending",)


def test_linked_channel_folders_are_followed_and_circles_refused(tmp_path: Path) -> None:
    folder = archive(tmp_path / "archive", "tv1/2001-03-04/2000_news.ts")
    archive(tmp_path / "disk2", "tv2/2001-03-04/2000_news.ts")
    (folder / "tv2").symlink_to(tmp_path / "disk2" / "tv2")
    (folder / "tv1" / "circle").symlink_to(folder)
    (folder / "itself").symlink_to(folder / "itself")
    contents = read(folder, DEFAULT_PATTERN, "UTC")
    assert [recording.channel for recording in contents.recordings] == ["tv1", "tv2"]
    assert sorted(Path(row.path).name for row in contents.rejected) == ["circle", "itself"]
    assert any("which contains it" in row.problem for row in contents.rejected)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = archive(tmp_path, "tv1/2001-03-04/2000_news.ts", "tv2/2001-03-04/2000_news.ts")
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("tv2"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (rejected,) = read(folder, DEFAULT_PATTERN, "UTC").rejected
    assert rejected.path == str(folder / "tv2")
    assert "cannot be read (Permission denied)" in rejected.problem
    with pytest.raises(UsageError, match="tv2: the folder cannot be read"):
        read(folder / "tv2", DEFAULT_PATTERN, "UTC")


def test_a_name_that_is_not_utf8_is_escaped_stored_and_opened(tmp_path: Path) -> None:
    name = os.fsdecode(b"2000_l\xe9t\xe9.ts")
    archive(tmp_path, "tv1/2001-03-04/2000_news.ts", "tv1/2001-03-04/2030_\\xe9.ts")
    try:
        write_video(tmp_path / "made.ts", nobody(1), FPS, codec="mpeg2video").rename(tmp_path / "tv1/2001-03-04" / name)
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    contents = read(tmp_path, DEFAULT_PATTERN, "UTC")
    summer = next(recording for recording in contents.recordings if "l" in recording.programme)
    assert summer.programme == "l\\xe9t\\xe9"
    schedule.record(str(tmp_path / "lake"), contents.source, contents.recordings, contents.rejected)
    assert probe(summer.path).width == 176
    assert regular.fingerprint(summer.path) is not None
    assert as_text(str(on_disk(summer.path))) == summer.path
    literal = str(tmp_path / "tv1/2001-03-04/2030_\\xe9.ts")
    assert str(on_disk(literal)) == literal


def test_recordings_that_all_start_at_midnight_suggest_that_the_pattern_lacks_the_time(tmp_path: Path) -> None:
    folder = archive(tmp_path, "tv1/2001-03-04/2000_news.ts", "tv1/2001-03-04/2030_film.ts")
    (note,) = read(folder, "{channel}/{date}/{programme}.{ext}", "UTC").notes
    assert note.startswith("all 2 recordings start at 00:00")
    assert read(folder, DEFAULT_PATTERN, "UTC").notes == ()
