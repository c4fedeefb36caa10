"""Small archives for tests, and the pipeline without Prefect.

python -m tests.pipeline.archives ARCHIVE LAKE     analyses from a process that a test may kill
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfpipe import warehouse
from gfpipe.archive import manifest
from gfpipe.choices import DEFAULT_PATTERN
from gfpipe.counting import Counting
from gfpipe.models import champion, store
from gfpipe.recording import Summary
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import analyse, listing
from gfpipe.video.encode import read_frames, write_video

FPS = 25
_DEFAULT = Analysis(classifier=champion.FIRST)
_TOTALS = """
select programme, status, samples, faces, analysed_seconds, female_face_seconds, male_face_seconds
from screen_time order by all
"""


def man(seconds: float) -> Iterator[NDArray[np.uint8]]:
    """Frames of a man in a car: (144, 176, 3) uint8 at 25 frames a second."""
    clip = list(read_frames(store.fetch_source("carphone")))
    return islice(cycle([*clip, *reversed(clip)]), round(seconds * FPS))


def nobody(seconds: float) -> Iterator[NDArray[np.uint8]]:
    """Grey."""
    return islice(cycle([np.full((144, 176, 3), 110, np.uint8)]), round(seconds * FPS))


def programme(archive: Path, name: str, seconds: float = 4, **options: Any) -> Path:
    """Write a programme that shows one man throughout; its name ends in .mp4 or .ts."""
    path = archive / name
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = "mpeg2video" if path.suffix == ".ts" else "libx264"
    return write_video(path, man(seconds), FPS, **{"codec": codec, **options})


def analyse_all(
    archive: Path,
    lake: Path,
    config: Analysis = _DEFAULT,
    timezone: str | None = "UTC",
    counting: Counting = Counting(),  # noqa: B008 - frozen
) -> list[Summary]:
    """Analyse as the flow does, without Prefect and with the first champion by default."""
    if config.classifier == champion.WORD:
        config = replace(config, classifier=champion.FIRST)
    holdings = manifest.read(archive, DEFAULT_PATTERN, timezone)
    listing.run(str(lake), holdings, listing.plan(str(lake), holdings))
    return [analyse.run(recording, str(lake), config, counting=counting) for recording in holdings.recordings]


def totals(lake: Path) -> list[dict[str, Any]]:
    """Counts of everything in a lake, after publishing it."""
    warehouse.build(lake)
    with warehouse.open(lake) as db:
        assert db.check() == ()
        return list(db.query(_TOTALS).to_pylist())


def status(lake: Path) -> dict[str, tuple[str, str]]:
    """Status and reason of each file that `gfpipe status` lists; intact recordings are not listed."""
    rows: Sequence[dict[str, Any]] = warehouse.report(lake, "failures")[0].to_pylist()
    return {Path(row["path"]).name: (row["status"], row["reason"]) for row in rows}
