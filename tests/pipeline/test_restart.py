"""Repeated, killed and simultaneous runs give the rows of one undisturbed run."""

import multiprocessing
import random
import time
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Final

import pytest

from gfpipe.counting import Counting
from gfpipe.faces import analysis
from gfpipe.settings import Analysis
from tests.pipeline.archives import analyse_all, programme, totals

pytestmark = pytest.mark.slow
_FORK: Final = multiprocessing.get_context("fork")  # with everything imported


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    for number in range(4):
        programme(folder, f"tv/2001-03-0{number + 1}/2000_p{number}.{'ts' if number % 2 else 'mp4'}", 6 + number)
    return folder


@pytest.fixture(scope="module")
def undisturbed(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    lake = tmp_path_factory.mktemp("undisturbed")
    analyse_all(archive, lake)
    found = totals(lake)
    assert len(found) == 4
    assert all(row["male_face_seconds"] > 0 for row in found)
    return found


def start(archive: Path, lake: Path) -> ForkProcess:
    """Analyse the archive in another process."""
    process = _FORK.Process(target=analyse_all, args=(archive, lake))
    process.start()
    return process


def exit_code(process: ForkProcess) -> int | None:
    process.join()
    return process.exitcode


def shards(lake: Path) -> int:
    return len(list(lake.glob("recordings/v1/*/[!.]*.parquet")))


def test_the_second_run_decodes_nothing(
    archive: Path, undisturbed: list[dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyse_all(archive, tmp_path)

    def never(*_: object) -> None:
        raise AssertionError("a finished recording was opened again")

    monkeypatch.setattr(analysis, "open_video", never)
    for counting in (Counting(), Counting(min_face=36.0), Counting(min_score=0.5)):
        again = analyse_all(archive, tmp_path, counting=counting)
        assert all(summary.reused for summary in again)
    assert totals(tmp_path) == undisturbed


def test_another_configuration_is_never_mixed_with_the_old_one(archive: Path, tmp_path: Path) -> None:
    analyse_all(archive, tmp_path)
    redone = analyse_all(archive, tmp_path, Analysis(every_seconds=2.0))
    assert not any(summary.reused for summary in redone)
    assert sum(row["samples"] for row in totals(tmp_path)) == sum(summary.samples for summary in redone)


def test_a_run_after_a_kill_at_any_moment_gives_the_same_rows(
    archive: Path, undisturbed: list[dict[str, object]], tmp_path: Path
) -> None:
    chance = random.Random(2)
    lake = tmp_path / "lake"
    kills = 0
    while kills < 4:
        victim = start(archive, lake)
        time.sleep(chance.uniform(0.1, 1.0))
        victim.kill()
        kills += exit_code(victim) != 0
        if shards(lake) == 4:
            break
    assert kills > 0
    survivors = start(archive, lake)
    assert exit_code(survivors) == 0
    assert totals(lake) == undisturbed


def test_two_simultaneous_runs_give_the_same_rows(
    archive: Path, undisturbed: list[dict[str, object]], tmp_path: Path
) -> None:
    runs = [start(archive, tmp_path / "lake") for _ in range(2)]
    assert [exit_code(run) for run in runs] == [0, 0]
    assert totals(tmp_path / "lake") == undisturbed
    assert not list((tmp_path / "lake").rglob(".*.tmp"))
