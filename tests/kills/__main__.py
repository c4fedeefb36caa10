"""Kills work with SIGKILL, at random and at each rename, or fills its disk: ``make kills``, ``KILLS=1000 make kills``.

    python -m tests.kills --kills 100 --only analysis,labels
    python -m tests.kills --full-disk                           (mounts a tmpfs for each size: needs root)

The table counts parts of the state that were neither the old nor the new one (wrong), parts that a second run did not
bring to the new one (lost), and hidden files that a second run left. Exit code 1 if there are any.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from gfpipe.cli import console
from tests.kills.scenarios import SCENARIOS
from tests.kills.trial import Trial


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="for each kind of work; default 100")
    parser.add_argument("--only", default=",".join(SCENARIOS), help="kinds of work, separated by commas")
    parser.add_argument("--minutes", type=float, default=60.0, help="most time for each kind of work; default 60")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--full-disk", action="store_true", help="fill the disk instead, budget by budget")
    given = parser.parse_args()
    chance, rows, faults = random.Random(given.seed), [], 0
    for name in given.only.split(","):
        with tempfile.TemporaryDirectory(prefix="gfpipe-kills-") as folder:
            trial = Trial(SCENARIOS[name], Path(folder))
            until = time.monotonic() + 60 * given.minutes
            if given.full_disk:
                trial.fill_disks()
            else:
                trial.kill_at_renames()
                while trial.counts["interrupted"] < given.kills and time.monotonic() < until:
                    trial.kill_at(chance.random())
            rows.append({"work": name, **{key: f"{count:,}" for key, count in trial.counts.items()}})
            console.say(f"{name}: {dict(trial.counts)}")
            faults += sum(trial.counts[kind] for kind in ("wrong", "lost", "leftovers", "unclear"))
    console.table(rows, "Full disks" if given.full_disk else "Kills")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
