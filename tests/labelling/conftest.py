"""A lake of real footage, analysed once."""

import shutil
from pathlib import Path

import pytest

from tests.labelling.broadcasts import lake_of_broadcasts


@pytest.fixture(scope="session")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake after analysis; read-only."""
    return Path(lake_of_broadcasts(tmp_path_factory.mktemp("broadcasts")))


@pytest.fixture
def broadcasts(analysed: Path, tmp_path: Path) -> str:
    """A copy of the lake that a test may modify."""
    return str(shutil.copytree(analysed, tmp_path / "lake"))
