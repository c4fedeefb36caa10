"""Damage clips of many formats, read each in both samplings, and print a table of what came of them.

    python -m tests.fuzz --mutants 2000 --seed 1 [--keep FOLDER]

Readings run in worker processes under limits. A process reads many files, and is replaced when it ends. A reading hangs
if it takes 30 s of processor time without a sample, or if its process makes no progress for five minutes.

Columns: readings that were done, partial (a part is lost, and said to be) or failed with an error of gfpipe; that ended
in another error (foreign); that ended their process by a crash, a hang or more than 2 GiB of memory; whose samples are
wrong in an intact stretch; and samples of damaged stretches that show another moment or none, because most codecs have
no checksum. Exit code 1 if a reading ended in a crash, a hang, 2 GiB, a foreign error or wrong samples.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from rich.progress import track

from gfpipe import workers
from gfpipe.base.limits import Limits
from gfpipe.choices import Sampling
from gfpipe.errors import StalledError, WorkerError
from tests.fuzz import clips
from tests.fuzz.intact import Clip, clip, expected
from tests.fuzz.mutators import mutate
from tests.fuzz.trial import Reading, read

LIMITS: Final = Limits(stall_seconds=300, memory_gib=2)
ENDS: Final = ("done", "partial", "failed", "foreign error", "crash", "hang", "memory")


@dataclass(frozen=True)
class Mutant:
    """A damaged clip."""

    original: Clip
    number: int
    damage: str
    data: bytes


@dataclass(frozen=True)
class Outcome:
    """A reading, or the end of its process."""

    mutant: Mutant
    sampling: Sampling
    end: str
    reading: Reading | None
    problem: str

    @property
    def is_right(self) -> bool:
        """Whether it ended in right samples, or in a failure of the recording."""
        return self.end in ("done", "partial", "failed") and not (self.reading and self.reading.wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=2000, help="number of damaged files (default 2000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first of them")
    parser.add_argument("--seed", type=int, default=1, help="of the damage; the same seed damages the same bytes")
    parser.add_argument("--keep", type=Path, help="folder for the files that are read wrongly")
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as name, workers.pool(limits=LIMITS) as pool:
        folder = Path(name)
        numbers = range(options.first, options.first + options.mutants)
        kinds = [clips.KINDS[number % len(clips.KINDS)] for number in numbers]
        originals = {kind: clip(clips.write(folder, kind)) for kind in dict.fromkeys(kinds)}

        def trial(number: int) -> list[Outcome]:
            damaged = mutant(originals[kinds[number - options.first]], options.seed, number)
            return list(outcomes_of(damaged, folder, pool))

        with ThreadPoolExecutor(workers.cores()) as threads:
            for pair in track(threads.map(trial, numbers), "fuzz", total=len(numbers)):
                outcomes += pair
                _note([each for each in pair if not each.is_right], options.keep)
    _print(table(outcomes))
    return int(not all(outcome.is_right for outcome in outcomes))


def mutant(original: Clip, seed: int, number: int) -> Mutant:
    """The damaged clip of this number."""
    damage, data = mutate(original.data, np.random.default_rng([seed, number]))
    return Mutant(original, number, damage, data)


def outcomes_of(damaged: Mutant, folder: Path, pool: Executor) -> Iterator[Outcome]:
    """Read a damaged clip in both samplings."""
    path = folder / f"{damaged.number}-{damaged.original.path.name}"
    path.write_bytes(damaged.data)
    right = expected(damaged.original, damaged.damage, damaged.data)
    for sampling in Sampling:
        yield _outcome(damaged, sampling, pool.submit(read, path, sampling, right))
    path.unlink()


def _outcome(damaged: Mutant, sampling: Sampling, future: "Future[Reading]") -> Outcome:
    try:
        reading = future.result()
    except StalledError as exc:
        return Outcome(damaged, sampling, "hang", None, str(exc))
    except WorkerError as exc:
        end = "hang" if "SIGPROF" in str(exc) else "memory" if "memory_gib" in str(exc) else "crash"
        return Outcome(damaged, sampling, end, None, str(exc))
    return Outcome(damaged, sampling, str(reading.result), reading, reading.problem)


def _note(faults: list[Outcome], keep: Path | None) -> None:
    """Print what is not right, and keep its file."""
    for fault in faults:
        name = f"{fault.mutant.number}-{fault.mutant.original.path.name}"
        print(f"{name} ({fault.mutant.damage}, {len(fault.mutant.data):,} B) {fault.sampling}: ", end="")
        print(f"{fault.end} {fault.problem}", flush=True)
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / name).write_bytes(fault.mutant.data)


def table(outcomes: list[Outcome]) -> pd.DataFrame:
    """Counts of readings by clip, and the most that one took."""
    rows = pd.DataFrame(
        {
            "clip": f"{each.mutant.original.path.suffix[1:]} {each.mutant.original.path.stem.removeprefix('lib')}",
            "file": each.mutant.number,
            **{end: each.end == end for end in ENDS},
            "wrong where intact": bool(each.reading and each.reading.wrong),
            "samples": each.reading.samples if each.reading else 0,
            "unnoticed": each.reading.unnoticed if each.reading else 0,
            "peak MiB": (each.reading.peak_bytes if each.reading else 0) >> 20,
            "most processor s": round(each.reading.processor_seconds if each.reading else 0.0, 1),
        }
        for each in outcomes
    )
    counts = {"file": "nunique"} | dict.fromkeys([*ENDS, "wrong where intact", "samples", "unnoticed"], "sum")
    rules = counts | dict.fromkeys(["peak MiB", "most processor s"], "max")
    by_clip = rows.groupby("clip").agg(rules)
    total = rows.assign(clip="all").groupby("clip").agg(rules)
    return pd.concat([by_clip, total]).rename(columns={"file": "files"})


def _print(rows: pd.DataFrame) -> None:
    """A table in Markdown."""
    lines = [[str(rows.index.name), *rows.columns], ["---"] * (1 + rows.shape[1])]
    lines += [[name, *(f"{value:,}" for value in row)] for name, *row in rows.itertuples()]
    print("\n".join(f"| {' | '.join(line)} |" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
