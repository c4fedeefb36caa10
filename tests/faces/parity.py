"""Faces of this version beside those of an earlier one, on the same clips: ``python -m tests.faces.parity COMMIT``.

Both analyse every clip of a folder in a process of their own, with this environment's packages; the earlier version,
which must have ``gfpipe.analyse``, from a worktree of git. Faces that both count are matched within a sample, one to
one. With ``--lakes ONE OTHER``, two lakes are compared instead.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gfpipe.cli import console
from gfpipe.counting import Counting
from gfpipe.faces.boxes import CORNERS, iou
from gfpipe.models import champion
from tests.conftest import ROOT

SAME_IOU: Final = 0.9
SAME_P_FEMALE: Final = 0.02
EVERY_SECONDS: Final = 0.2
_ANALYSIS: Final = """
import sys
import gfpipe
from gfpipe.choices import Sampling
from gfpipe.settings import Analysis

if __name__ == "__main__":
    analysis = Analysis(sampling=Sampling.EXACT, every_seconds=float(sys.argv[3]), classifier=sys.argv[4])
    gfpipe.analyse(sys.argv[1], sys.argv[2], analysis=analysis, processes=1)
"""
KEYS: Final = ["recording_id", "sample_index", "face_index"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", nargs="?", help="an earlier version")
    parser.add_argument(
        "--videos", type=Path, default=ROOT.parent / "shared" / "data" / "video", help="folder of clips"
    )
    parser.add_argument("--lakes", type=Path, nargs=2, metavar=("ONE", "OTHER"))
    given = parser.parse_args()
    if (given.commit is None) == (given.lakes is None):
        parser.error("give a commit, or two lakes")
    with tempfile.TemporaryDirectory(prefix="gfpipe-parity-") as folder:
        lakes = given.lakes or _lakes(Path(folder), given.videos, given.commit)
        console.table([compared(*(faces(lake) for lake in lakes))], f"Faces from a score of {Counting.min_score}")


def _lakes(folder: Path, videos: Path, commit: str) -> list[Path]:
    """The clips analysed by the earlier version and by this one."""
    manifest, earlier = folder / "clips.csv", folder / "earlier"
    clips = enumerate(sorted(videos.glob("*.mp4")))
    lines = [f"{clip.resolve()},clips,{clip.stem},2001-03-04T{hour:02}:00Z" for hour, clip in clips]
    manifest.write_text("\n".join(["path,channel,programme,start", *lines]) + "\n")
    script = folder / "analyse.py"
    script.write_text(_ANALYSIS)
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(earlier), commit], check=True)
    lakes = []
    try:
        for name, version in (("before", earlier), ("after", ROOT)):
            console.say(f"analysing {len(lines)} clips, {name} …")
            command = [sys.executable, *map(str, (script, manifest, folder / name, EVERY_SECONDS, champion.FIRST))]
            subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(version)}, cwd=folder)
            lakes.append(folder / name)
    finally:
        subprocess.run([*git, "remove", "--force", str(earlier)], check=True)
    return lakes


def faces(lake: Path) -> pa.Table:
    """The faces that count by score, with `p_female`."""
    detected, predicted = (pq.read_table(lake / name) for name in ("faces", "attributes"))
    joined = detected.select([*KEYS, *CORNERS, "detector_score"]).join(predicted.select([*KEYS, "p_female"]), KEYS)
    return joined.filter(joined["detector_score"].to_numpy() >= np.float32(Counting.min_score))


def compared(before: pa.Table, after: pa.Table) -> dict[str, str]:
    """How many faces both versions found, and how `p_female` differs on them."""
    one, other = _by_sample(before), _by_sample(after)
    matched, differences = 0, [np.zeros(0)]
    for sample in one.keys() & other.keys():
        overlaps = iou(one[sample][:, :4], other[sample][:, :4])
        rows, columns = linear_sum_assignment(overlaps, maximize=True)
        same = overlaps[rows, columns] >= SAME_IOU
        matched += int(same.sum())
        differences.append(np.abs(one[sample][rows[same], 4] - other[sample][columns[same], 4]))
    apart = np.concatenate(differences)
    return {
        "faces before": f"{len(before)}",
        "after": f"{len(after)}",
        f"matched at IoU {SAME_IOU}": f"{100 * matched / len(before):.2f} %",
        f"p_female within {SAME_P_FEMALE}": f"{100 * (apart <= SAME_P_FEMALE).mean():.1f} %",
        "mean difference": f"{apart.mean():.4f}",
        "99th percentile": f"{np.quantile(apart, 0.99):.3f}",
        "worst": f"{apart.max():.3f}",
    }


def _by_sample(faces: pa.Table) -> dict[tuple[str, int], NDArray[np.float64]]:
    """Of each sample, (F, 5): the boxes of its faces and their `p_female`."""
    samples: dict[tuple[str, int], list[list[float]]] = {}
    for face in faces.to_pylist():
        row = [face[name] for name in (*CORNERS, "p_female")]
        samples.setdefault((face["recording_id"], face["sample_index"]), []).append(row)
    return {sample: np.array(rows) for sample, rows in samples.items()}


if __name__ == "__main__":
    main()
