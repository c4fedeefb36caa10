"""A lake with crops that several tests read; who changes it takes a copy."""

from pathlib import Path

import pytest

from tests.curation.lakes import analyse_all, programme


@pytest.fixture(scope="session")
def crop_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four programmes of a woman and a man each, on two channels; one is broadcast again elsewhere."""
    folder = tmp_path_factory.mktemp("crops")
    archive = folder / "archive"
    programme(archive, "tv1/2001-03-04/2000_news.mp4", 0)
    programme(archive, "tv1/2001-03-05/2130_talk.mp4", 1)
    programme(archive, "tv2/2001-03-04/2000_film.mp4", 2)
    programme(archive, "tv2/2001-03-05/0700_morning.mp4", 3)
    rerun = archive / "tv2/2001-03-06/2300_news again.mp4"
    rerun.parent.mkdir(parents=True)
    rerun.write_bytes((archive / "tv1/2001-03-04/2000_news.mp4").read_bytes())
    analyse_all(archive, folder / "lake")
    return folder / "lake"
