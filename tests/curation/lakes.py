"""Small lakes with crops, from the analysis of real footage."""

from collections.abc import Iterator
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gfpipe.archive import manifest
from gfpipe.choices import DEFAULT_PATTERN, Sampling
from gfpipe.curation.lakes import read
from gfpipe.labelling.labels import Label
from gfpipe.labelling.store import write_labels
from gfpipe.models import champion, store
from gfpipe.recording import Summary
from gfpipe.settings import Analysis, CropRetention
from gfpipe.stages.analysis import analyse
from gfpipe.video.encode import read_frames, write_video

Frame = NDArray[np.uint8]

SIZE = (176, 144)
# Above the daily limits of these short programmes, so that all crops are stored.
KEEPING = CropRetention("30d", per_track=3, per_day=1_000_000)
ANALYSIS = Analysis(classifier=champion.FIRST, every_seconds=0.5, sampling=Sampling.EXACT)


def woman(variant: int, count: int) -> Iterator[Frame]:
    """The demo's portrait, cropped and mirrored by variant, with a slow pan."""
    portrait = Image.open(store.fetch_source("astronaut")).convert("RGB")
    if variant % 2:
        portrait = ImageOps.mirror(portrait)
    left = (70, 180)[variant % 2]
    for number in range(count):
        x, y, side = left + variant * 7 + number // 5, variant * 3, 200 + 20 * variant
        yield np.asarray(portrait.crop((x, y, x + side, y + side * 144 // 176)).resize(SIZE))


def man(variant: int, count: int) -> Iterator[Frame]:
    """The man in the car, cropped and mirrored by variant."""
    for frame in islice(cycle(read_frames(store.fetch_source("carphone"))), count):
        picture = Image.fromarray(frame)
        picture = ImageOps.mirror(picture) if variant % 2 else picture
        x = 9 * variant
        yield np.asarray(picture.crop((x, 0, 176, 144 - x * 144 // 176)).resize(SIZE))


def programme(archive: Path, name: str, variant: int, women: bool = True, men: bool = True, seconds: int = 2) -> Path:
    """A woman, then a man, for some seconds each."""
    path = archive / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_video(
        path,
        chain(woman(variant, 25 * seconds) if women else (), man(variant, 25 * seconds) if men else ()),
        options={"preset": "veryfast"},  # fingerprints of programmes differ
    )


def analyse_all(
    archive: Path, lake: Path, retention: CropRetention | None = KEEPING, config: Analysis = ANALYSIS
) -> list[Summary]:
    """Analyse an archive, with crops."""
    listed = manifest.read(archive, DEFAULT_PATTERN, "Europe/Paris")
    return [analyse.run(recording, str(lake), config, retention) for recording in listed.recordings]


def label_crops(lake: Path, programme: str, source: str = "people.csv") -> int:
    """Label the crops of one programme as their model classifies them; return their number."""
    faces = read(lake).candidates
    here = np.flatnonzero(faces.programme == programme)
    boxes = [
        _position(lake, str(faces.recording_id[i]), int(faces.sample_index[i]), int(faces.face_index[i])) for i in here
    ]
    labels = [
        Label(str(faces.recording_id[i]), seconds, *box, str(faces.perceived_gender[i]), 1.0, "AB", False)
        for i, (seconds, box) in zip(here, boxes, strict=True)
    ]
    write_labels(str(lake), lake / source, labels)
    return len(labels)


def _position(lake: Path, recording: str, sample: int, face: int) -> tuple[float, tuple[float, float, float, float]]:
    """Seconds from the start of the recording, and box of a face."""
    at = (pc.field("recording_id") == recording) & (pc.field("sample_index") == sample)
    (seconds,) = _rows(lake, "samples", at)["seconds"].to_pylist()
    (row,) = _rows(lake, "faces", at & (pc.field("face_index") == face)).to_pylist()
    return seconds, (row["x1"], row["y1"], row["x2"], row["y2"])


def _rows(lake: Path, table: str, condition: ds.Expression) -> Any:
    return ds.dataset(sorted((lake / table).rglob("*.parquet")), format="parquet").to_table(filter=condition)
