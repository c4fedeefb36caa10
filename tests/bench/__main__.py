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
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import torch

from gfpipe import workers
from gfpipe.choices import Sampling
from gfpipe.cli import console
from gfpipe.models import champion
from gfpipe.recording import Recording, Summary
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import analyse
from gfpipe.training import recipe
from gfpipe.training.data.chips import margin
from gfpipe.training.run import initial, loop
from gfpipe.training.run.job import Job, Lesson, autocast
from gfpipe.training.run.loader import Preparation
from gfpipe.training.run.objective import Examples, Objective
from gfpipe.training.tables import Input
from gfpipe.video.reader import open_video
from tests.bench import frame, segments, start
from tests.bench import labelling as bench_labelling
from tests.bench.footage import H264, MPEG2
from tests.clock import timed

FORMATS = (H264, MPEG2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="length of each recording (default 60)")
    parser.add_argument("--copies", type=int, default=2 * workers.cores(), help="recordings of each format")
    parser.add_argument(
        "--only",
        choices=("analysis", "frame", "segments", "start", "training", "labelling"),
        help="one of them (default all)",
    )
    given = parser.parse_args()
    if given.only in (None, "training"):
        measure_training()
    if given.only in (None, "labelling"):
        bench_labelling.measure()
    if given.only in (None, "start"):
        start.measure()
    if given.only in (None, "frame"):
        frame.measure(given.seconds)
    if given.only in (None, "segments"):
        segments.measure(given.seconds)
    if given.only in (None, "analysis"):
        measure_analysis(given.seconds, given.copies)


def measure_analysis(seconds: int, copies: int) -> None:
    """Print the speed on recordings of each format."""
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder:
        for wanted in FORMATS:
            archive = Path(folder, wanted.ending)
            archive.mkdir()
            console.say(f"making {copies} × {seconds} s of {wanted.name} …")
            first = wanted.write(archive / f"0{wanted.ending}", seconds)
            for copy in range(1, copies):
                shutil.copy(first, archive / f"{copy}{wanted.ending}")
            for sampling in Sampling:
                measure(wanted.name, archive, sampling, seconds)


def measure(name: str, archive: Path, sampling: Sampling, seconds: int) -> None:
    """Print one format under one sampling: the floor, the pipeline, and where its time went."""
    paths = sorted(archive.iterdir())
    start = datetime(2001, 3, 4, tzinfo=UTC)
    recordings = [Recording(str(path), "bench", path.stem, start) for path in paths]
    config = Analysis(sampling=sampling, classifier=champion.FIRST)
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


def measure_training(size: int = 112, batch: int = 64, steps: int = 24) -> None:
    """Print how fast ResNet-18 learns in bf16, how long it waits for chips, and how that compares to its floor.

    The floor is the same steps on one batch that was made ready beforehand.
    """
    side = size + 2 * margin(size)
    count = steps * batch
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (count, 3, side, side), np.uint8)
    known = Examples(pixels, np.arange(count) % 2 == 0, np.full(count, 30, np.float32), np.full(count, ""))
    found = recipe.find("resnet18-scratch")
    stage = replace(found.stages[0], epochs=2, batch=batch)
    objective = Objective(found.heads)
    network = initial.start(found.network, objective.labels, Input(size).spec, found.seed)
    lesson = Lesson(stage, lambda epoch: np.random.default_rng(epoch).permutation(count), np.zeros(0, np.int64))
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder:
        chip = Input(size).spec
        job = Job(network, objective, known, [lesson], chip, found.augment, Path(folder), bf16=True)
        console.say(f"training {found.network} on {count} chips of {size} pixels, twice …")
        epoch = loop.train(job).history[-1]  # the first one warms up
    learning = count / epoch.images_per_second
    floor, _ = timed(lambda: learn_one_batch(job, steps))
    row = {
        "images a second": f"{epoch.images_per_second:.0f}",
        "waiting for chips": f"{100 * epoch.waited_seconds / learning:.1f} %",
        "× its floor (one batch again and again)": f"{learning / floor:.2f}",
    }
    console.table(
        [row], f"Training {found.network}, {size} px, bf16, batches of {batch} ({torch.get_num_threads()} threads)"
    )


def learn_one_batch(job: Job, steps: int) -> None:
    """The floor of training: the same forward, backward and step, and nothing to prepare."""
    which = np.arange(job.lessons[0].stage.batch)
    x = Preparation(job, job.size).plain(job.examples.pixels, which)
    targets = job.objective.targets(job.examples, which)
    optimiser = torch.optim.AdamW(job.network.parameters(), fused=True)
    job.network.train()
    for _ in range(steps):
        with autocast(job):
            outputs = job.network(x)
        loss = job.objective.loss(outputs.float(), targets)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()


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


if __name__ == "__main__":
    main()
