"""Video files shared by the tests."""

from pathlib import Path

import pytest

from tests.video.film import film


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for the videos of this session."""
    return tmp_path_factory.mktemp("reel")


@pytest.fixture(scope="session")
def mp4(reel: Path) -> Path:
    """Eight seconds of H.264 with a keyframe every second."""
    return film(reel / "plain.mp4")


@pytest.fixture(scope="session")
def ts(reel: Path) -> Path:
    """Eight seconds of H.264 in a transport stream whose timestamps start at one hour."""
    return film(reel / "plain.ts", start_seconds=3600)
