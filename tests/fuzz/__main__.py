"""Damage clips of many formats, read each in both samplings, and print a table of what came of them.

    python -m tests.fuzz --mutants 2000 --seed 1 [--keep FOLDER]

Every reading ends within limits of time and memory, in samples or in a failure of the recording. Exit code 1 if one
ended in an error that is not of gfpipe.

Columns: files whose reading was done, partial or failed, or ended its process (crashed, stalled: failures of that
recording in an analysis); of those read, files with more time than the clip (too long: repeated bytes are repeated
pictures in containers without timestamps), with pictures of another moment
(shifted: damage moves time in containers without timestamps), and with pictures of no moment (garbled: most codecs have
no checksum, so that a decoder cannot notice every changed bit).
"""

import argparse
import sys
import tempfile
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from gfpipe import workers
from gfpipe.base.limits import Limits
from gfpipe.choices import Sampling
from gfpipe.errors import StalledError, WorkerError
from tests.fuzz import clips
from tests.fuzz.mutators import mutate
from tests.fuzz.trial import Reading, Result, read

LIMITS = Limits(stall_seconds=30, memory_gib=2)
_LONGEST_SECONDS = 2 * clips.SECONDS  # repeated bytes may be repeated pictures
_COLUMNS = ("done", "partial", "failed", "crashed", "stalled", "foreign error", "too long", "shifted", "garbled")


@dataclass(frozen=True)
class Mutant:
    """A damaged clip."""

    kind: clips.Kind
    number: int
    damage: str
    path: Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=2000, help="number of damaged files (default 2000)")
    parser.add_argument("--seed", type=int, default=1, help="of the damage; the same seed damages the same bytes")
    parser.add_argument("--keep", type=Path, help="folder for the files that are read wrongly")
    options = parser.parse_args()
    outcomes: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder, workers.pool(limits=LIMITS) as pool:
        intact = [clips.write(Path(folder), kind) for kind in clips.KINDS]

        def trial(number: int) -> tuple[Mutant, list[tuple[Sampling, Counter[str], str]]]:
            mutant = _mutant(Path(folder), intact, options.seed, number)
            ends = [(each, *_outcome(pool.submit(read, mutant.path, each))) for each in Sampling]
            if options.keep and any(_is_wrong(counts) for _, counts, _ in ends):
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / mutant.path.name).write_bytes(mutant.path.read_bytes())
            mutant.path.unlink()
            return mutant, ends

        with ThreadPoolExecutor(workers.cores()) as threads:
            for mutant, ends in track(threads.map(trial, range(options.mutants)), "fuzz", total=options.mutants):
                for sampling, counts, reason in ends:
                    outcomes.setdefault(f"{mutant.kind} {sampling}", Counter()).update(counts)
                    if _is_wrong(counts) or counts["crashed"] or counts["stalled"]:
                        print(f"{mutant.path.name} ({mutant.damage}) {sampling}: {dict(counts)} {reason}", flush=True)
    _print(outcomes)
    return int(any(map(_is_wrong, outcomes.values())))


def _mutant(folder: Path, intact: list[Path], seed: int, number: int) -> Mutant:
    rng = np.random.default_rng([seed, number])
    index = number % len(intact)
    damage, data = mutate(intact[index].read_bytes(), rng)
    path = folder / f"{seed}-{number}-{intact[index].name}"
    path.write_bytes(data)
    return Mutant(clips.KINDS[index], number, damage, path)


def _outcome(reading: "Future[Reading]") -> tuple[Counter[str], str]:
    try:
        found = reading.result()
    except StalledError as exc:
        return Counter(stalled=1), str(exc)
    except WorkerError as exc:
        return Counter(crashed=1), str(exc)
    counts = Counter([found.result.value])
    counts["too long"] = int(found.analysed_seconds > _LONGEST_SECONDS)
    counts["shifted"], counts["garbled"] = int(found.shifted > 0), int(found.garbled > 0)
    reason = found.reason if found.result is Result.FOREIGN else ""
    return counts, reason or f"{found.analysed_seconds:.1f} s, {found.garbled} of {found.samples} pictures garbled"


def _is_wrong(counts: Counter[str]) -> bool:
    return counts["foreign error"] > 0


def _print(outcomes: dict[str, Counter[str]]) -> None:
    """A table in Markdown, by clip and sampling."""
    total: Counter[str] = sum(outcomes.values(), Counter())
    print("| clip | " + " | ".join(_COLUMNS) + " |")
    print("|---|" + "---|" * len(_COLUMNS))
    for name, counts in [*sorted(outcomes.items()), ("all", total)]:
        print(f"| {name} | " + " | ".join(str(counts[column]) for column in _COLUMNS) + " |")


if __name__ == "__main__":
    sys.exit(main())
