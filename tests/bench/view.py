"""Times of `gfpipe view`: ``python -m tests.bench.view --lake LAKE``, or with a lake of 100,000 recordings made for it.

Each view is asked for in several ways, once to warm up; a frame is a keyframe of a 1080-line file that no cache holds.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from unittest import mock

import numpy as np

from gfpipe import warehouse
from gfpipe.cli import console
from gfpipe.models import champion, store
from gfpipe.recording import Recording
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import analyse
from gfpipe.stages.figures import publish
from gfpipe.video.encode import read_frames, write_video
from tests.pages.view.pages import viewing
from tests.warehouse.building import scale

RECORDINGS: Final = 100_000
VIEWS: Final = {
    "Archive, everything": "/",
    "Archive, one channel": "/?channel=channel-03",
    "Archive, Tuesdays at 20:00, by share": "/?weekday=2&hour=20&colour=share_female_face_time",
    "Trend, published intervals by month and channel": "/trend",
    "Trend, Tuesdays, before intervals": "/trend?weekday=2&by=hour",
    "Programme": "/programme/{recording}",
    "Faces, everything": "/faces",
    "Faces, least certain women of a channel": "/faces?channel=channel-03&read=female&confidence=low",
    "Faces, read as a woman, labelled as a man": "/faces?read=female&label=male",
}
TIMES: Final = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", type=Path, help="a lake that this program made before, instead of a new one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder:
        times(given.lake or made(Path(folder, "lake")))
        frames(Path(folder))


def made(lake: Path) -> Path:
    """A lake of 100,000 recordings of two minutes on 20 channels in 24 months, with 12 million faces, published."""
    with mock.patch.object(scale, "SECONDS", 120):
        scale.write(lake, RECORDINGS * 120, channels=20, months=24)
    publish.run(lake)
    return lake


def times(lake: Path) -> None:
    """The best wall-clock and processor times of each view."""
    with viewing(str(lake)) as visitor:
        recording = visitor.get("/programme").headers["location"].rpartition("/")[2]
        rows = []
        for name, path in VIEWS.items():
            address = path.format(recording=recording)
            wall, busy = best(lambda address=address: visitor.get(address).raise_for_status())  # type: ignore[misc]
            rows.append({"view": name, "ms": f"{1000 * wall:.0f}", "processor ms": f"{1000 * busy:.0f}"})
    console.table(rows, f"Best of {TIMES}")


def frames(folder: Path) -> None:
    """Times of frames of a file of 1080 lines with a keyframe each second."""
    still = next(iter(read_frames(store.fetch_source("carphone"))))
    picture = np.ascontiguousarray(np.kron(still, np.ones((8, 11, 1), np.uint8))[:1080, :1920])
    noise = np.random.default_rng(0).integers(0, 40, (50, *picture.shape[:2], 1), dtype=np.uint8)
    write_video(folder / "news.mp4", (np.maximum(picture, noise[index % 50]) for index in range(500)), 25)
    recording = Recording(str(folder / "news.mp4"), "north", "news", datetime(2024, 3, 7, tzinfo=UTC))
    analyse.run(recording, str(folder / "lake1080"), Analysis(classifier=champion.FIRST))
    warehouse.build(folder / "lake1080")
    with viewing(str(folder / "lake1080")) as visitor:
        path = f"/recordings/{recording.recording_id}/frames/{{}}.jpg"
        visitor.get(path.format(15))
        wall, busy = best(lambda: visitor.get(path.format(0)).raise_for_status(), 1)
        time.sleep(3)
        ahead, _ = best(lambda: visitor.get(path.format(5)).raise_for_status(), 1)
    console.say(
        f"a frame: {1000 * wall:.0f} ms ({1000 * busy:.0f} ms of processor); decoded ahead: {1000 * ahead:.0f} ms"
    )


def best(call: Callable[[], object], times: int = TIMES) -> tuple[float, float]:
    """The shortest wall-clock and processor times of some calls, in seconds."""
    walls, busy = [], []
    for _ in range(times):
        start, processor = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - start)
        busy.append(time.process_time() - processor)
    return min(walls), min(busy)


if __name__ == "__main__":
    main()
