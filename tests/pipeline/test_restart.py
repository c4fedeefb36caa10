"""Repeated, killed and simultaneous runs give the rows of one undisturbed run."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import cloudpickle
import pytest

from gfpipe.base.limits import Limits
from gfpipe.counting import Counting
from gfpipe.errors import TransientError, WorkerError
from gfpipe.faces import analysis
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import WORKER_MODULES
from gfpipe.workers.launcher import launcher
from gfpipe.workers.supervision import Process
from tests.pipeline.archives import analyse_all, programme, totals

pytestmark = pytest.mark.slow
_THREADS: Final = ThreadPoolExecutor()


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


class Run:
    """An analysis of the archive in a worker process."""

    def __init__(self, archive: Path, lake: Path) -> None:
        self.process = Process(launcher(WORKER_MODULES))
        call = cloudpickle.dumps(partial(analyse_all, archive, lake))
        self._outcome = _THREADS.submit(self.process.run, call, Limits())

    def succeeds(self) -> bool:
        """Whether it ends without being killed."""
        try:
            self._outcome.result()
        except (TransientError, WorkerError):
            return False
        self.process.kill()  # it waits for another call
        return True


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
        victim = Run(archive, lake)
        time.sleep(chance.uniform(0.1, 1.0))
        victim.process.kill()
        kills += not victim.succeeds()
        if shards(lake) == 4:
            break
    assert kills > 0
    assert Run(archive, lake).succeeds()
    assert totals(lake) == undisturbed


def test_two_simultaneous_runs_give_the_same_rows(
    archive: Path, undisturbed: list[dict[str, object]], tmp_path: Path
) -> None:
    runs = [Run(archive, tmp_path / "lake") for _ in range(2)]
    assert all(run.succeeds() for run in runs)
    assert totals(tmp_path / "lake") == undisturbed
    assert not list((tmp_path / "lake").rglob(".*.tmp"))
