"""One recording analysed by one worker, and by all in segments: ``python -m tests.bench --only segments``."""

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from gfpipe import workers
from gfpipe.cli import console
from gfpipe.models import champion
from gfpipe.recording import Recording
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import WORKER_MODULES, analyse
from tests.bench.footage import H264, MPEG2_INTERLACED, Format
from tests.clock import timed

TURNS = 5
FORMATS = (H264, MPEG2_INTERLACED)
CONFIG = Analysis(classifier=champion.FIRST)


def measure(seconds: int) -> None:
    """Print wall and processor time of each format, medians of a few turns."""
    analyse.SEGMENT_BYTES = 1 << 20  # type: ignore[misc]
    analyse.prepare(CONFIG)
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder, workers.pool(modules=WORKER_MODULES) as pool:
        rows = [row(pool, wanted, Path(folder), seconds) for wanted in FORMATS]
    console.table(rows, f"One recording of {seconds} s, {pool.size} workers, seconds, medians of {TURNS}")


def row(pool: workers.Pool, wanted: Format, folder: Path, seconds: int) -> dict[str, str]:
    """One worker and all workers in turn."""
    console.say(f"making {seconds} s of {wanted.name} …")
    path = wanted.write(folder / f"clip{wanted.ending}", seconds)
    recording = Recording(str(path), "bench", "clip", datetime(2001, 3, 4, tzinfo=UTC))
    turns = [[spent(pool, recording, count) for count in (1, pool.size)] for _ in range(TURNS + 1)][1:]
    (one, alone), (all_, together) = (
        (statistics.median(turn[side][kind] for turn in turns) for kind in (0, 1)) for side in (0, 1)
    )
    return {
        "format": wanted.name,
        "one worker": f"{one:.1f}",
        "all": f"{all_:.1f}",
        "× as fast": f"{statistics.median(turn[0][0] / turn[1][0] for turn in turns):.2f}",
        "processor time of one": f"{alone:.1f}",
        "of all": f"{together:.1f}",
    }


def spent(pool: workers.Pool, recording: Recording, count: int) -> tuple[float, float]:
    """Seconds, and processor seconds of the workers."""
    before = processor_seconds(pool)
    with tempfile.TemporaryDirectory() as lake:
        seconds, _ = timed(lambda: analyse.run_in(pool, recording, count, lake, CONFIG))
    return seconds, processor_seconds(pool) - before


def processor_seconds(pool: workers.Pool) -> float:
    return sum(pool.map(processor_time, range(pool.size)))


def processor_time(_: int) -> float:
    """Of this worker."""
    time.sleep(0.1)  # or one worker would answer for all
    return time.process_time()
