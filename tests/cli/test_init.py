"""`gfpipe init`: the settings of a site, from a look at its archive."""

from pathlib import Path

import pytest

from gfpipe import settings
from tests.conftest import Command


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for name in ('tv1 "a"/20240331/20h00 news.ts', 'tv1 "a"/20240331/21h30 film.ts', "tv2/20240401/06h00 news.ts"):
        path = tmp_path / "archive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"-")
    (tmp_path / "archive" / "trailer.ts").write_bytes(b"-")
    return tmp_path / "archive"


def test_settings_are_those_that_were_given_and_seen(gfpipe: Command, archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    options = ("--archive", str(archive), "--timezone", "Europe/Paris", "--lake", str(tmp_path / "lake"))
    result = gfpipe("init", *options, "--config", str(file))
    assert result.code == 0, result.stderr
    assert "3 of 4 files looked at fit {channel}/{date}/{time} {programme}.{ext}" in result.stderr
    assert "2024-03-31 20:00 CEST" in result.stdout
    assert "No recording: 1 file, such as" in result.stderr
    site = settings.load(file)
    assert (site.archive, site.lake, site.timezone) == (str(archive), str(tmp_path / "lake"), "Europe/Paris")
    assert site.pattern == "{channel}/{date}/{time} {programme}.{ext}"
    assert gfpipe("init", *options, "--config", str(file)).code == 2
    assert gfpipe("init", *options, "--config", str(file), "--force").code == 0


def test_what_is_missing_is_named(gfpipe: Command, archive: Path, tmp_path: Path) -> None:
    file = ("--config", str(tmp_path / "site.toml"))
    result = gfpipe("init", "--archive", str(archive), *file)
    assert (result.code, "give --timezone, --lake" in result.stderr) == (2, True)
    options = ("--timezone", "Mars/Base", "--lake", "lake", *file)
    assert "Mars/Base" in gfpipe("init", "--archive", str(archive), *options).stderr
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "holiday.mp4").touch()
    assert "give --pattern" in gfpipe("init", "--archive", str(tmp_path / "others"), *options).stderr
    assert not (tmp_path / "site.toml").exists()
