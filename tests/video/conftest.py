"""Files that several tests of the video room read."""

from pathlib import Path

import pytest

from tests.video.film import film


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the films of this session."""
    return tmp_path_factory.mktemp("reel")


@pytest.fixture(scope="session")
def mp4(reel: Path) -> Path:
    """Eight seconds of H.264, a keyframe each second."""
    return film(reel / "plain.mp4")


@pytest.fixture(scope="session")
def ts(reel: Path) -> Path:
    """Eight seconds of H.264 in a transport stream whose clock starts at an hour."""
    return film(reel / "plain.ts", start_seconds=3600)
