"""`gfpipe config`."""

import os
from pathlib import Path

import pytest

from gfpipe import settings
from tests.conftest import ROOT, Command


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "gfpipe.toml").write_text('archive = "/tv"\nlake = "/lake"\n[counting]\nmin_face = 30\n')
    return tmp_path


def test_show_prints_each_setting_and_its_origin(site: Path, gfpipe: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GFPIPE_ANALYSIS__DEVICE", "cpu")
    lines = [line.split() for line in gfpipe("config", "show").stdout.splitlines()]
    assert ["archive", "/tv", "gfpipe.toml"] in lines
    assert ["counting.min_face", "30.0", "gfpipe.toml"] in lines
    assert ["analysis.device", "cpu", "GFPIPE_ANALYSIS__DEVICE"] in lines
    assert ["workers", "0", "default"] in lines


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("worker = 3", "gfpipe: gfpipe.toml: unknown key 'worker'; did you mean 'workers'?"),
        ('publish_schedule = "at six"', "schedule 'at six': neither a cron line"),
    ],
)
def test_check_prints_ok_or_one_error(site: Path, gfpipe: Command, line: str, message: str) -> None:
    assert gfpipe("config", "check").stdout == "OK\n"
    file = site / "gfpipe.toml"
    file.write_text(f"{line}\n{file.read_text()}")
    checked = gfpipe("config", "check")
    assert checked.code == 2
    assert message in checked.stderr
    assert checked.stderr.count("\n") == 1


def test_init_writes_the_files_of_a_deployment_and_overwrites_none(site: Path, gfpipe: Command) -> None:
    settings_of_site = (site / "gfpipe.toml").read_text()  # such as gfpipe init has written
    assert gfpipe("config", "init").code == 0
    assert (site / "gfpipe.toml").read_text() == settings_of_site
    refused = gfpipe("config", "init")
    assert (refused.code, "already there; overwrite with --force" in refused.stderr) == (2, True)
    for path in site.iterdir():
        path.unlink()
    assert gfpipe("config", "init").code == 0
    assert {path.name for path in site.iterdir()} == {path.name for path in (ROOT / "deploy").iterdir()} - {"README.md"}
    assert os.access(site / "limits.sh", os.X_OK)
    assert settings.load(site / "gfpipe.toml").lake == "/lake"
    (site / "limits.sh").write_text("")
    assert gfpipe("config", "init", "--force").code == 0
    assert (site / "limits.sh").read_text().startswith("#!/bin/sh")
