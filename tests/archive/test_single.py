"""An archive that is one file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gfpipe.archive.manifest import read
from gfpipe.choices import DEFAULT_PATTERN, DateOrder
from gfpipe.errors import UsageError
from tests.archive.folders import archive

NEWS = "tv1/2001-03-04/2000_evening_news.ts"


def file(folder: Path, path: str) -> Path:
    return archive(folder, path) / path


def test_a_path_as_in_an_archive_tells_channel_start_and_programme(tmp_path: Path) -> None:
    (recording,) = read(file(tmp_path, NEWS), DEFAULT_PATTERN, "Europe/Paris").recordings
    (in_folder,) = read(tmp_path, DEFAULT_PATTERN, "Europe/Paris").recordings
    assert recording == in_folder


@pytest.mark.parametrize("name", ["talk.MP4", "talk", "talk.recorded"])
def test_channel_and_start_are_given_for_other_paths(tmp_path: Path, name: str) -> None:
    path = file(tmp_path, name)
    (recording,) = read(path, DEFAULT_PATTERN, "UTC", channel="tv1", start="2001-03-04 20:00").recordings
    assert (recording.channel, recording.programme, recording.path) == ("tv1", "talk", str(path))
    assert recording.start == datetime(2001, 3, 4, 20, tzinfo=UTC)


def test_given_values_replace_those_of_the_path(tmp_path: Path) -> None:
    path = file(tmp_path, NEWS)
    (recording,) = read(path, DEFAULT_PATTERN, "UTC", channel="tv2", start="2001-03-05T07:00+01:00").recordings
    assert (recording.channel, recording.programme) == ("tv2", "evening_news")
    assert recording.start == datetime(2001, 3, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize("channel", [None, "tv1"])
def test_what_is_missing_is_asked_for(tmp_path: Path, channel: str | None) -> None:
    with pytest.raises(UsageError, match=r"talk\.mp4 is one recording.*--channel tv1 --start 2024-03-31T20:00"):
        read(file(tmp_path, "talk.mp4"), DEFAULT_PATTERN, "UTC", channel=channel)


def test_times_are_read_as_in_manifests(tmp_path: Path) -> None:
    path = file(tmp_path, "talk.mp4")
    with pytest.raises(UsageError, match=r"--start: .*07/03/2024"):
        read(path, DEFAULT_PATTERN, "UTC", channel="tv1", start="07/03/2024 20:00")
    (recording,) = read(
        path, DEFAULT_PATTERN, "UTC", DateOrder.DAY_FIRST, channel="tv1", start="07/03/2024 20:00"
    ).recordings
    assert recording.start == datetime(2024, 3, 7, 20, tzinfo=UTC)


def test_a_start_is_for_one_file_only(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one file"):
        read(archive(tmp_path, NEWS), DEFAULT_PATTERN, "UTC", start="2001-03-04 20:00")
