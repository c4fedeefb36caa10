"""Files appear whole or not at all, and what a killed process left is cleared."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gfpipe.base import files
from gfpipe.lake.storage import Pending, Storage
from gfpipe.models import folders
from tests.conftest import ROOT

KILLED = """
import os, signal, sys
from pathlib import Path
from gfpipe.base import files
with files.replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(path: Path) -> Path:
    """What a process left that was killed while it wrote `path`."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False)
    (left,) = (file for file in path.parent.iterdir() if file.name.startswith(f".{path.name}."))
    return left


def test_what_a_killed_process_left_is_cleared_by_the_next_to_write_the_file(tmp_path: Path) -> None:
    left = killed(tmp_path / "a.json")
    files.write(tmp_path / "b.json", "1")
    assert left.exists()
    files.write(tmp_path / "a.json", "1")
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_lake_s_next_shard_and_a_sweep_clear_them_too(tmp_path: Path) -> None:
    shard = tmp_path / "faces" / "v1" / "a.parquet"
    left = killed(shard)
    Pending(Storage(str(tmp_path)), "faces", "v1", "a.parquet")
    assert not left.exists()
    left = killed(shard)
    files.sweep(tmp_path)
    assert not left.exists()


def test_files_of_living_processes_and_other_machines_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    mine = files.temporary_name(path)
    elsewhere = path.with_name(".a.json.00000000-1.0123abcd.tmp")
    former = path.with_name(f".a.json.{'0' * 32}.tmp")
    other = path.with_name(".a.json.lock")
    for file in (mine, elsewhere, former, other):
        file.touch()
    files.write(path, "1")
    assert {file.name for file in tmp_path.iterdir()} == {path.name, mine.name, elsewhere.name, former.name, other.name}
    yesterday = time.time() - 2 * 24 * 60 * 60
    for file in (mine, elsewhere, former, other):
        os.utime(file, (yesterday, yesterday))
    files.write(path, "1")
    assert {file.name for file in tmp_path.iterdir()} == {path.name, mine.name, other.name}


@pytest.mark.parametrize("complete", [False, True])
def test_a_folder_whose_replacement_was_killed_is_put_back(tmp_path: Path, complete: bool) -> None:
    model = tmp_path / "model-1.5"
    dead = files.temporary_name(model).name.replace(f"-{os.getpid()}.", "-99999999.")
    old = (tmp_path / dead).with_suffix(".old")
    old.mkdir()
    (old / "card.json").write_text("old")
    if complete:
        model.mkdir()
        (model / "card.json").write_text("new")
    files.clear_leftovers(model)
    assert (model / "card.json").read_text() == ("new" if complete else "old")
    assert not old.exists()
    with folders.publishing(model, "card.json", replace=True) as staging:
        (staging / "card.json").write_text("newest")
    assert (model / "card.json").read_text() == "newest"
