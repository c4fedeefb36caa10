"""How long an annotator waits for the next face, and a purge for all pictures to be gone, with 10,000 crops.

The floor of what the page does is a file of a kilobyte from the same server, over the same socket, in the same run.
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

from gfpipe.cli import console
from gfpipe.labelling.design.queues import Item, Queue
from gfpipe.labelling.page import answer_file
from gfpipe.labelling.store import LABELS_FOLDER
from gfpipe.lake import images
from gfpipe.lake.retention import What
from gfpipe.lake.tables import file_of
from gfpipe.stages.analysis import purge
from gfpipe.stages.figures import publish
from gfpipe.stages.labels import sample as label_sample
from gfpipe.stages.labels.sample import Options
from tests.clock import timed
from tests.labelling.page.pages import Script, serving
from tests.lake.kept import keep, recording
from tests.warehouse.lakes import write_shard

RECORDINGS: Final = 200
CHANNELS: Final = 4
FACES: Final = 50  # of a recording
SIDE: Final = 256  # pixels of a crop
PORTRAITS: Final = 500  # different ones
ASKED: Final = 300


def measure() -> None:
    """Print how long the page takes with a new and with an almost finished queue, and how the pictures go."""
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder:
        lake = Path(folder, "lake")
        queue = made(lake, Path(folder, "archive"))
        faces = len(queue.items)
        rows = [asked(lake, queue, "nothing answered")]
        answer(lake, queue, queue.items[: faces - ASKED])
        rows.append(asked(lake, queue, f"{faces - ASKED:,} answered"))
        console.table(rows, f"An answer, the next item and its picture; a queue of {faces:,} crops")
        console.table([purged(lake)], "gfpipe purge --all")


def made(lake: Path, archive: Path) -> Queue:
    """A lake of crops, and a queue that asks for all of them."""
    count = RECORDINGS * FACES
    console.say(f"making a lake of {count:,} crops …")
    for number in range(RECORDINGS):
        of = recording(archive, f"news {number}", f"channel {number % CHANNELS}")
        keep(lake, of, FACES, picture=partial(portrait_of, number), side=SIDE)
    publish.run(lake)
    return label_sample.run(lake, "all", Options(faces=count, repeats=0)).queue


def portrait_of(recording: int, face: int) -> bytes:
    """The picture of a face; every five hundredth is the same."""
    return portrait((recording * FACES + face) % PORTRAITS)


@lru_cache(PORTRAITS)
def portrait(seed: int) -> bytes:
    """A JPEG that has as much to say as a face has: some 20 kB."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (SIDE // 8, SIDE // 8, 3), np.uint8))
    file = io.BytesIO()
    coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def asked(lake: Path, queue: Queue, when: str) -> dict[str, str]:
    """Answer some faces as the page does, without what it fetches ahead."""
    with serving(str(lake), queue) as served, Script(served) as script:
        place = script.session["next"]
        script.item(place)
        floors, waits = [], []
        for _ in range(ASKED - 1):
            floors.append(timed(script.icon)[0])
            wait, place = timed(partial(step, script, place))
            waits.append(wait)
    return {
        "queue": when,
        "median": milliseconds(waits, 50),
        "95 %": milliseconds(waits, 95),
        "its floor (a small file)": milliseconds(floors, 50),
        "× its floor": f"{np.median(waits) / np.median(floors):.0f}",
    }


def step(script: Script, place: int) -> int:
    """An answer, the next item and its picture."""
    following: int = script.answer(place, "male")["next"]
    script.item(following)
    return following


def milliseconds(seconds: Sequence[float], percentile: float) -> str:
    return f"{1000 * np.percentile(seconds, percentile):.1f} ms"


def answer(lake: Path, queue: Queue, items: Iterable[Item]) -> None:
    """Answers of AB that were there before."""
    now = datetime.now(UTC) - timedelta(days=1)
    rows = [
        {"recording_id": item.recording_id, "seconds": item.seconds, "answer": "male", "weight": item.weight}
        | {"x1": item.x1, "y1": item.y1, "x2": item.x2, "y2": item.y2, "annotator": "AB", "whole_picture": False}
        | {"queue": queue.name, "position": item.position, "imported_at": now + timedelta(seconds=item.position)}
        for item in items
    ]
    write_shard(lake.joinpath(*LABELS_FOLDER, file_of(answer_file.source(queue.name, "AB"))), "labels", rows)


def purged(lake: Path) -> dict[str, str]:
    """Purge everything; pictures are looked for in every file, before and after."""
    before, found = size(lake), pictures(lake)
    spent, summary = timed(lambda: purge.run(str(lake), What(everything=True)))
    return {
        "seconds": f"{spent:.1f}",
        "pictures before": f"{found:,}",
        "after": f"{pictures(lake):,}",
        "left by its own account": f"{len(summary.after)}",
        "lake before": f"{before / 2**20:.1f} MiB",
        "lake after": f"{size(lake) / 2**20:.1f} MiB",
    }


def pictures(lake: Path) -> int:
    """How many pictures all files of a lake hold, whatever they are called."""
    return sum(_pictures_in(path) for path in files(lake))


def _pictures_in(path: Path) -> int:
    with path.open("rb") as file:  # the cells of Parquet may be compressed
        return images.in_parquet(file)[0] if path.suffix == ".parquet" else images.in_stream(file)


def size(lake: Path) -> int:
    return sum(path.stat().st_size for path in files(lake))


def files(lake: Path) -> list[Path]:
    return [path for path in lake.rglob("*") if path.is_file()]
