"""How long figures of a large archive take: ``make bench-figures``, or with ``FACES=100000000``.

Commands are timed as whole processes, Python's start included, beside the floor in the same run: a process that
adds up the same rows in SQL, without intervals and correction.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gfpipe.cli import console
from gfpipe.stages.figures import publish
from tests.clock import timed
from tests.warehouse.building import scale


def stats(by: str) -> list[str]:
    return ["stats", "--by", by, "--columns", "all", "--format", "csv"]


QUESTIONS = {
    "stats --by channel": stats("channel"),
    "stats --by channel,month": stats("channel,month"),
    "stats --by weekday,hour": stats("weekday,hour"),
    "stats --by week (not published)": stats("week"),
    "stats --by hour (not published)": stats("hour"),
    "stats --by month,channel (not published)": stats("month,channel"),
    "report": ["report", "--out", "{folder}/report.html"],
}
FLOOR = [
    "sql",
    "--format",
    "csv",
    "-c",
    "select channel, month, unnest(totals(rollup)) from rollup group by channel, month",
]
TIMES = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=20_000_000, help="default 20,000,000")
    parser.add_argument("--lake", type=Path, help="a lake that was published already, instead of a new one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder:
        lake = given.lake or made(Path(folder, "lake"), given.faces)
        floor = best(lake, folder, FLOOR)
        rows = [{"question": "sums in SQL (the floor)", "seconds": f"{floor:.1f}", "× the floor": "1.0"}]
        for name, command in QUESTIONS.items():
            seconds = best(lake, folder, command)
            rows.append({"question": name, "seconds": f"{seconds:.1f}", "× the floor": f"{seconds / floor:.1f}"})
    console.table(rows, f"Best of {TIMES}, as whole processes")


def made(lake: Path, faces: int) -> Path:
    """A lake of about so many faces, published; then with one night more, published again."""
    console.say(f"making a lake of {faces:,} faces …")
    scale.write(lake, faces)
    first = published(lake)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    console.say(f"the first time with a peak memory of {memory:.1f} GiB")
    scale.write_night(lake)
    steps = {"the first time": first, "a night of 240 hours more": published(lake), "nothing new": published(lake)}
    console.table(
        [
            {
                "publish": step,
                "seconds": f"{wall:.1f}",
                "processor seconds": f"{busy:.1f}",
                "of the first time": f"{busy / first[1]:.3f}",
            }
            for step, (wall, busy) in steps.items()
        ],
        "The last column compares processor time",
    )
    return lake


def published(lake: Path) -> tuple[float, float]:
    """Seconds, and processor seconds, of publishing."""
    before = time.process_time()
    seconds, _ = timed(lambda: publish.run(lake))
    return seconds, time.process_time() - before


def best(lake: Path, folder: str, command: list[str]) -> float:
    """The shortest of a few runs of ``gfpipe``, in seconds."""
    name, *options = (part.format(folder=folder) for part in command)
    line = [str(Path(sys.executable).with_name("gfpipe")), name, "--lake", str(lake), *options]
    return min(timed(lambda: subprocess.run(line, check=True, capture_output=True))[0] for _ in range(TIMES))


if __name__ == "__main__":
    main()
