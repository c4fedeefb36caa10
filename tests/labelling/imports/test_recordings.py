"""Tests of finding recordings by id, path or part of a path."""

import unicodedata
from pathlib import Path, PurePosixPath

import pytest

from gfpipe.errors import LakeError, UsageError
from gfpipe.labelling.imports import recordings
from gfpipe.labelling.imports.recordings import KnownRecording, Recordings
from tests.labelling.lakes import LATER, NORTH, SOUTH, lake, recording_id


@pytest.fixture
def known(tmp_path: Path) -> Recordings:
    return recordings.read(lake(tmp_path))


@pytest.mark.parametrize("name", [NORTH, "north/2024-03-07/1900_news.mp4", recording_id("north")])
def test_finds_a_recording_by_path_end_of_path_or_id(known: Recordings, name: str) -> None:
    assert known.named(name).path == NORTH


def test_metadata_comes_from_the_analysis(known: Recordings) -> None:
    north, later = known.named(NORTH), known.named(LATER)
    assert (north.seconds, north.width, north.height) == (60.0, 1920, 1080)
    assert (later.recording_id, later.seconds, later.width) == ("south-talk", None, None)


def test_an_ambiguous_end_is_refused(known: Recordings) -> None:
    with pytest.raises(UsageError, match=r"end of 2 paths .*north.*south.*give more of its path"):
        known.named("1900_news.mp4")


@pytest.mark.parametrize("name", ["news.mp4", "orth/2024-03-07/1900_news.mp4", "", "/", "1900_news"])
def test_only_whole_components_match(known: Recordings, name: str) -> None:
    with pytest.raises(UsageError, match="no recording of the lake"):
        known.named(name)


def test_a_whole_path_wins_over_a_longer_one() -> None:
    known = Recordings([KnownRecording("a", "tv/news.mp4"), KnownRecording("b", "/copies/tv/news.mp4")])
    assert known.named("tv/news.mp4").recording_id == "a"


def test_accents_match_in_any_normal_form() -> None:
    path = "/archive/tf1/Journal télévisé.mp4"
    known = Recordings([KnownRecording("jt", unicodedata.normalize("NFD", path))])
    assert known.named(unicodedata.normalize("NFC", "tf1/Journal télévisé.mp4")).recording_id == "jt"


@pytest.mark.parametrize(
    ("file", "mirrored", "path"),
    [
        ("segments/north/2024-03-07/1900_news.csv", 3, NORTH),
        ("segments/south/2024-03-07/1900_news.mp4.csv", 3, SOUTH),
        ("segments/south/2024-03-07/1900_news.csv", 1, SOUTH),  # of two, the one with the same folders
        ("2200_talk.csv", 1, LATER),
    ],
)
def test_beside_matches_name_and_folders(known: Recordings, file: str, mirrored: int, path: str) -> None:
    assert known.beside(PurePosixPath(file), mirrored).path == path


def test_mirrored_folders_must_match(known: Recordings) -> None:
    with pytest.raises(UsageError, match="'west/2024-03-08/2200_talk'"):  # south has one of that name
        known.beside(PurePosixPath("segments/west/2024-03-08/2200_talk.csv"), 3)


def test_an_ambiguous_file_is_refused(known: Recordings) -> None:
    with pytest.raises(UsageError, match="end of 2 paths"):
        known.beside(PurePosixPath("segments/1900_news.csv"))


def test_an_empty_lake_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="gfpipe analyse ARCHIVE"):
        recordings.read(str(tmp_path))
