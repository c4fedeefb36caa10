"""A lake with crops, written as an analysis writes them, of faces that nobody has."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from gfpipe.lake import crops, shards
from gfpipe.lake.provenance import Provenance
from gfpipe.recording import Recording, Status, Summary
from tests.lake.pictures import jpeg

RUN = Provenance("digest1", "keyframes", 1.0, "detector", "aa", "classifier", "bb")
START = datetime(2001, 3, 4, 20, tzinfo=UTC)
MONTH = timedelta(days=30)


def recording(folder: Path, programme: str = "news", channel: str = "one") -> Recording:
    """A file that is no video, and what is known of it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{programme}.ts"
    path.write_bytes(programme.encode())
    return Recording(str(path), channel, programme, START)


def run(digest: str) -> Provenance:
    """A configuration with this digest."""
    return Provenance(digest, *list(vars(RUN).values())[1:])


def keep(
    lake: Path | str,
    of: Recording,
    count: int = 3,
    *,
    digest: str = "digest1",
    term: timedelta = MONTH,
    ago: timedelta = timedelta(),
    with_crops: bool = True,
    picture: Callable[[int], bytes] = jpeg,
    side: int = 48,
) -> Recording:
    """Analyse a recording of `count` faces, one a sample and track, as if so long `ago`; with a crop of each.

    Faces and the pictures of them have `side` pixels.
    """
    with shards.writer(str(lake), of, run(digest)) as write:
        zeros = np.zeros(count, np.float32)
        faces: dict[str, Any] = dict.fromkeys(("x1", "y1", "detector_score", "height_360"), zeros)
        faces |= {"x2": zeros + side, "y2": zeros + side, "landmarks": np.zeros((count, 10), np.float32)}
        faces |= {"track_id": np.arange(count, dtype=np.int32)}
        answers = {"p_female": zeros, "age_years": None}
        write.write(np.arange(count, dtype=float), np.ones(count), np.arange(count), faces, answers)
        if with_crops:
            rows = [
                {"sample_index": at, "face_index": 0, "track_id": at}
                | {"jpeg": picture(at), "width": side, "height": side}
                for at in range(count)
            ]
            write.crops(*crops.columns(rows, datetime.now(UTC) - ago, term))
        summary = Summary(of, Status.DONE, analysed_seconds=float(count), samples=count, faces=count)
        write.finish(summary, width=640, height=360)
    return of


def keep_slowly(lake: str, of: Recording, seconds: float) -> None:
    """Analyse a recording of 40 faces, half of so many seconds before its shards are written and half after."""
    time.sleep(seconds / 2)
    keep(lake, of, 40, with_crops=False)
    time.sleep(seconds / 2)
