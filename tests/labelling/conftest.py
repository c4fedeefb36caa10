"""A lake of real broadcasts, analysed once for all tests that label them."""

import shutil
from pathlib import Path

import pytest

from tests.labelling.broadcasts import lake_of_broadcasts


@pytest.fixture(scope="session")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake as the analysis left it: not to be changed."""
    return Path(lake_of_broadcasts(tmp_path_factory.mktemp("broadcasts")))


@pytest.fixture
def broadcasts(analysed: Path, tmp_path: Path) -> str:
    """A copy of it, with the recordings where they were."""
    return str(shutil.copytree(analysed, tmp_path / "lake"))
