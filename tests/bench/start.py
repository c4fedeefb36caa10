"""How long ``gfpipe analyse`` takes around the work, as whole processes: ``python -m tests.bench --only start``.

From Enter to the first recording under way (a worker has opened it), from the last shard to the end of the process, and
a run that has nothing new to do.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gfpipe.cli import console
from tests.bench.footage import MPEG2

TURNS = 3
RECORDINGS = 4
POLL_SECONDS = 0.05


def measure() -> None:
    """Print the medians of a few runs."""
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder:
        archive = Path(folder, "archive", "one", "2001-03-04")
        archive.mkdir(parents=True)
        first = MPEG2.write(Path(folder, "clip.ts"), 4)
        for hour in range(RECORDINGS):
            (archive / f"{hour:02}00_news.ts").write_bytes(first.read_bytes())
        turns = [turn(archive, Path(folder, f"lake{number}")) for number in range(TURNS)]
    medians = {name: f"{statistics.median(one[name] for one in turns):.1f}" for name in turns[0]}
    console.table([medians], f"gfpipe analyse, {RECORDINGS} recordings, seconds, medians of {TURNS}")


def turn(archive: Path, lake: Path) -> dict[str, float]:
    """A run that analyses the archive, and one that has nothing to do."""
    begin = time.time()
    process = run(archive, lake)
    while not is_under_way(process.pid, archive) and process.poll() is None:
        time.sleep(POLL_SECONDS)
    under_way, used = time.time(), processor_seconds(process.pid)
    process.wait()
    last = max(shard.stat().st_mtime for shard in lake.rglob("*.parquet"))
    closed = time.time()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(archive, lake).wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "Enter to the first recording": under_way - begin,
        "processor time until then": used,
        "closing down": closed - last,
        "nothing new": time.time() - closed,
        "its processor time": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def run(archive: Path, lake: Path) -> "subprocess.Popen[bytes]":
    """Start the command."""
    program, folder = str(Path(sys.executable).with_name("gfpipe")), str(archive.parents[1])
    command = [program, "analyse", folder, "--lake", str(lake), "--timezone", "UTC"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=lake.parent, stdout=quiet, stderr=quiet, start_new_session=True)


def is_under_way(conducting: int, archive: Path) -> bool:
    """Whether a worker of the session that a process leads has one of the archive's files open."""
    for process in processes(conducting):
        with suppress(OSError):
            files = [str(file.readlink()) for file in (process / "fd").iterdir()]
            if process.name != str(conducting) and any(file.startswith(str(archive)) for file in files):
                return True
    return False


def processor_seconds(conducting: int) -> float:
    """Processor time of the running processes of a session."""
    ticks = 0
    for process in processes(conducting):
        with suppress(OSError):
            user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")


def processes(conducting: int) -> Iterator[Path]:
    """The processes of the session that a process leads."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getsid(int(process.name)) == conducting:
                yield process
