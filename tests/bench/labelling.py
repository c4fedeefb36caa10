"""Benchmark of the labelling page and of a purge, with 10,000 crops.

The baseline of the page is a static file of a kilobyte from the same server in the same run.
"""

import io
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from gfpipe.base import images
from gfpipe.cli import console
from gfpipe.labelling.design.queues import Item, Queue
from gfpipe.labelling.store import LABELS_FOLDER
from gfpipe.lake.retention import PurgeScope
from gfpipe.lake.tables import file_of
from gfpipe.pages.label import answer_file
from gfpipe.stages.analysis import purge
from gfpipe.stages.figures import publish
from gfpipe.stages.labels import sample as label_sample
from gfpipe.stages.labels.sample import Options
from tests.clock import timed
from tests.lake.kept import keep, recording
from tests.pages.label.pages import Script, serving
from tests.warehouse.lakes import write_shard

RECORDINGS: Final = 200
CHANNELS: Final = 4
FACES: Final = 50  # per recording
SIDE: Final = 256  # pixels of a crop
PORTRAITS: Final = 500  # distinct images
ANSWERS: Final = 300  # timed answers


def measure() -> None:
    """Print durations of answers in a new and in an almost finished queue, and of a purge."""
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder:
        lake = Path(folder, "lake")
        queue = build(lake, Path(folder, "archive"))
        faces = len(queue.items)
        rows = [answering(lake, queue, "nothing answered")]
        answer(lake, queue, queue.items[: faces - ANSWERS])
        rows.append(answering(lake, queue, f"{faces - ANSWERS:,} answered"))
        console.table(rows, f"An answer, the next item and its picture; a queue of {faces:,} crops")
        console.table([purged(lake)], "gfpipe purge --all")


def build(lake: Path, archive: Path) -> Queue:
    """Build a lake of crops, and a queue of all of them."""
    count = RECORDINGS * FACES
    console.say(f"making a lake of {count:,} crops …")
    for number in range(RECORDINGS):
        of = recording(archive, f"news {number}", f"channel {number % CHANNELS}")
        keep(lake, of, FACES, picture=partial(portrait_of, number), side=SIDE)
    publish.run(lake)
    return label_sample.run(lake, "all", Options(faces=count, repeats=0)).queue


def portrait_of(recording: int, face: int) -> bytes:
    """The image of a face; every five hundredth is the same."""
    return portrait((recording * FACES + face) % PORTRAITS)


@lru_cache(PORTRAITS)
def portrait(seed: int) -> bytes:
    """A JPEG with as much detail as a face: some 20 kB."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (SIDE // 8, SIDE // 8, 3), np.uint8))
    file = io.BytesIO()
    coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def answering(lake: Path, queue: Queue, name: str) -> dict[str, str]:
    """Answer faces as the page does, without prefetching."""
    with serving(str(lake), queue) as served, Script(served) as script:
        position = script.session["next"]
        script.item(position)
        baselines, waits = [], []
        for _ in range(ANSWERS - 1):
            baselines.append(timed(script.icon)[0])
            wait, position = timed(partial(step, script, position))
            waits.append(wait)
    return {
        "queue": name,
        "median": milliseconds(waits, 50),
        "95 %": milliseconds(waits, 95),
        "baseline (a small file)": milliseconds(baselines, 50),
        "× baseline": f"{np.median(waits) / np.median(baselines):.0f}",
    }


def step(script: Script, position: int) -> int:
    """Answer a face, and load the next one."""
    following: int = script.answer(position, "male")["next"]
    script.item(following)
    return following


def milliseconds(seconds: Sequence[float], percentile: float) -> str:
    return f"{1000 * np.percentile(seconds, percentile):.1f} ms"


def answer(lake: Path, queue: Queue, items: Iterable[Item]) -> None:
    """Write earlier answers of AB."""
    now = datetime.now(UTC) - timedelta(days=1)
    rows = [
        {"recording_id": item.recording_id, "seconds": item.seconds, "answer": "male", "weight": item.weight}
        | {"x1": item.x1, "y1": item.y1, "x2": item.x2, "y2": item.y2, "annotator": "AB", "whole_picture": False}
        | {"queue": queue.name, "position": item.position, "imported_at": now + timedelta(seconds=item.position)}
        for item in items
    ]
    write_shard(lake.joinpath(*LABELS_FOLDER, file_of(answer_file.source(queue.name, "AB"))), "labels", rows)


def purged(lake: Path) -> dict[str, str]:
    """Purge everything; count images in all files before and after."""
    before, count = size(lake), pictures(lake)
    spent, summary = timed(lambda: purge.run(str(lake), PurgeScope(everything=True)))
    return {
        "seconds": f"{spent:.1f}",
        "pictures before": f"{count:,}",
        "after": f"{pictures(lake):,}",
        "left, as reported": f"{len(summary.after)}",
        "lake before": f"{before / 2**20:.1f} MiB",
        "lake after": f"{size(lake) / 2**20:.1f} MiB",
    }


def pictures(lake: Path) -> int:
    """Count the images in all files of a lake."""
    return sum(_pictures_in(path) for path in files(lake))


def _pictures_in(path: Path) -> int:
    with path.open("rb") as file:  # cells of Parquet may be compressed
        return images.in_parquet(file)[0] if path.suffix == ".parquet" else images.in_stream(file)


def size(lake: Path) -> int:
    return sum(path.stat().st_size for path in files(lake))


def files(lake: Path) -> list[Path]:
    return [path for path in lake.rglob("*") if path.is_file()]
