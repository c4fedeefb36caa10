"""gfpipe.toml: what a site chose, or a clear word about what it cannot choose."""

from pathlib import Path

import pytest

from gfpipe import settings
from gfpipe.errors import UsageError
from gfpipe.settings import Analysis


def load(folder: Path, text: str) -> settings.Settings:
    path = folder / "gfpipe.toml"
    path.write_text(text)
    return settings.load(path)


def test_a_site_is_read_with_folders_beside_its_file(tmp_path: Path) -> None:
    site = load(tmp_path, 'archive = "tv"\nlake = "s3://bucket/lake"\nworkers = 3\n[analysis]\nevery_seconds = 2\n')
    assert site.archive == str(tmp_path / "tv")
    assert site.lake == "s3://bucket/lake"
    assert site.workers == 3
    assert site.analysis == Analysis(every_seconds=2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('archive = "tv"', "lake is missing"),
        ('archive = "tv"\nlake = "l"\nworker = 3', "unknown key 'worker'; known are .*workers"),
        ('archive = "tv"\nlake = "l"\nworkers = "3"', "workers is '3'"),
        ('archive = "tv"\nlake = "l"\n[analysis]\nsampling = "all"', "choose keyframes or exact"),
        ('archive = "tv"\nlake = "l"\n[analysis]\nevery_seconds = 0', "between 0.04 and 3600"),
        ("archive = ", "cannot be read as TOML"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(tmp_path, text)


def test_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gfpipe\.toml: no such file"):
        settings.load(tmp_path / "gfpipe.toml")
