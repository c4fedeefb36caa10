"""Workers of a Dask cluster are killed again and again: no recording is lost or counts twice.

python -m tests.kills.workers --recordings 200 --seconds 6 --every 20
"""

import argparse
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import Executor, Future, as_completed
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from gfpipe import warehouse, workers
from gfpipe.errors import WorkerError
from gfpipe.recording import Recording
from tests import work
from tests.lake import kept

_PATIENCE_SECONDS = 120.0  # until one of the recordings in flight has ended


def archive(folder: Path, count: int) -> list[Recording]:
    """Recordings of different hours."""
    found = (kept.recording(folder / "archive", f"news {number}") for number in range(count))
    return [replace(one, start=one.start + timedelta(hours=number)) for number, one in enumerate(found)]


def killed(folder: Path, recordings: list[Recording], seconds: float, every: float) -> Counter[str]:
    """Analyse recordings of `seconds` each while a worker is killed every so often; count kills, repetitions, failures.

    The last recording ends its process each time.
    """
    from distributed import LocalCluster, Status

    counts, over = Counter[str](), threading.Event()
    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster:  # type: ignore[no-untyped-call]

        def kill() -> None:
            while not over.wait(every):
                nannies: list[Any] = list(cluster.workers.values())
                running = [each for each in nannies if each.process and each.process.status is Status.running]
                if running:  # one that ends while it starts is not replaced
                    os.kill(random.choice(running).pid, signal.SIGKILL)
                    counts["kills"] += 1

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            with workers.pool(scheduler=cluster.scheduler_address) as pool:
                _analyse(pool, str(folder / "lake"), recordings, seconds, counts)
        finally:
            over.set()
            killer.join()
    return counts


def _analyse(pool: Executor, lake: str, recordings: list[Recording], seconds: float, counts: Counter[str]) -> None:
    """As the flow does: what failed with its machine is tried again, what ended its own process is not."""

    def submit(recording: Recording) -> "Future[object]":
        if recording is recordings[-1]:
            return pool.submit(work.die)
        return pool.submit(kept.keep_slowly, lake, recording, seconds)

    due = {submit(recording): recording for recording in recordings}
    while due:
        call = next(as_completed(due, timeout=_PATIENCE_SECONDS))
        recording, error = due.pop(call), call.exception()
        if isinstance(error, WorkerError):
            counts[f"failed: {recording.programme}"] += 1
        elif error is not None:
            assert workers.is_pool_failure(error), error
            counts["tried again"] += 1
            due[submit(recording)] = recording


def samples(lake: Path) -> list[int]:
    """The samples of each recording in the warehouse."""
    warehouse.build(lake)
    with warehouse.open(lake) as db:
        assert db.check() == ()
        found: list[int] = db.query("select samples from screen_time order by recording_id")["samples"].to_pylist()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=6.0, help="of work on each; default 6")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between kills; default 20")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gfpipe-killed-") as name:
        folder, start = Path(name), time.monotonic()
        counts = killed(folder, archive(folder, given.recordings), given.seconds, given.every)
        found = Counter(samples(folder / "lake"))
        print(f"{time.monotonic() - start:.0f} s: {dict(counts)}; recordings by samples: {dict(found)}")


if __name__ == "__main__":
    main()
