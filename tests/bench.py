"""Speed and memory on an archive made for the purpose: ``make bench``.

Machines are noisy, so what counts are the ratios: the whole pipeline over its floor (decoding the same samples and
throwing them away) in the same run, and the share of each step.
"""

import argparse
import re
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flows import console
from gfpipe import workers
from gfpipe.recording import Recording, Summary
from gfpipe.settings import Analysis
from gfpipe.stages import analyse, demo
from gfpipe.video.encode import Codec, write_video
from gfpipe.video.frames import Sampling
from gfpipe.video.reader import open_video

FPS = 25
T = TypeVar("T")


@dataclass(frozen=True)
class Format:
    """What an archive keeps its recordings in."""

    name: str
    width: int
    height: int
    ending: str
    codec: Codec
    bit_rate: int
    gop: int


FORMATS = (
    Format("H.264 1080p25, 6 Mb/s, keyframe each 1 s", 1920, 1080, ".mp4", "libx264", 6_000_000, 25),
    Format("MPEG-2 TS 576p25, 4 Mb/s, GOP 12", 720, 576, ".ts", "mpeg2video", 4_000_000, 12),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="length of each recording (default 60)")
    parser.add_argument("--copies", type=int, default=2 * workers.cores(), help="recordings of each format")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder:
        for wanted in FORMATS:
            archive = Path(folder, wanted.ending)
            archive.mkdir()
            console.say(f"making {given.copies} × {given.seconds} s of {wanted.name} …")
            first = write_video(
                archive / f"0{wanted.ending}",
                footage(given.seconds, wanted.width, wanted.height),
                FPS,
                codec=wanted.codec,
                bit_rate=wanted.bit_rate,
                gop=wanted.gop,
            )
            for copy in range(1, given.copies):
                shutil.copy(first, archive / f"{copy}{wanted.ending}")
            for sampling in Sampling:
                measure(wanted.name, archive, sampling, given.seconds)


def measure(name: str, archive: Path, sampling: Sampling, seconds: int) -> None:
    """Print one format under one sampling: the floor, the pipeline, and where its time went."""
    paths = sorted(archive.iterdir())
    start = datetime(2001, 3, 4, tzinfo=UTC)
    recordings = [Recording(str(path), "bench", path.stem, start) for path in paths]
    config = Analysis(sampling=sampling)
    analyse.prepare(config)
    with tempfile.TemporaryDirectory() as lake, workers.pool() as pool:
        warm = Recording(str(paths[0]), "bench", "warm", start)
        list(pool.map(partial(analyse.run, lake=lake, config=config), [warm] * workers.cores()))
        floor, _ = timed(lambda: list(pool.map(partial(decode, sampling=sampling), paths)))
        spent, summaries = timed(lambda: list(pool.map(partial(analyse.run, lake=lake, config=config), recordings)))
        memory = max(pool.map(peak_memory, range(4 * workers.cores())))
    report(f"{name}, {sampling}", summaries, seconds * len(paths), spent, floor, memory)


def report(name: str, summaries: list[Summary], aired: int, spent: float, floor: float, memory: float) -> None:
    steps = {step: sum(getattr(summary.timings, step) for summary in summaries) for step in vars(summaries[0].timings)}
    total = sum(steps.values())
    faces = sum(summary.faces for summary in summaries)
    row = {
        "× real time": f"{aired / spent:.0f}",
        "× its floor (decoding alone)": f"{spent / floor:.2f}",
        **{step: f"{100 * seconds / total:.0f} %" for step, seconds in steps.items()},
        "faces a sample": f"{faces / sum(summary.samples for summary in summaries):.1f}",
        "peak memory of a worker": f"{memory:.0f} MiB",
    }
    console.table([row], f"{name} ({workers.cores()} workers)")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def decode(path: Path, sampling: Sampling) -> int:
    """The floor: every sample decoded, none looked at."""
    return sum(len(batch) for batch in open_video(path, sampling, Analysis().every_seconds))


def peak_memory(_: int) -> float:
    """MiB that this worker has ever held."""
    time.sleep(0.05)  # or one worker would answer for all
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held when it started this process
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def footage(seconds: int, width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """The demo's shots, enlarged: two faces, one, none, in turn."""
    shots = (("both", 5), ("street", 3), ("woman", 4), ("man", 3))
    for frame in islice(cycle(list(demo.footage().frames(shots))), seconds * FPS):
        yield np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))


if __name__ == "__main__":
    main()
