"""Makes a small archive of real footage with known true screen time.

Its shots are made of three public clips: `carphone` (a man in a car), `astronaut` (a woman, portrait by NASA, public
domain; panned and zoomed) and `bikes` (a street, only the parts without faces).
"""

import csv
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from math import cos, pi
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gfpipe import warehouse
from gfpipe.base import files
from gfpipe.models import store
from gfpipe.video.encode import Drawing, beside, read_frames, scaled, write_video

FPS: Final = 25
WIDTH, HEIGHT = 640, 360
TIMEZONE: Final = "Europe/Paris"

# Kinds of shots, with their numbers of women and men.
_SHOWS: Final = {"woman": (1, 0), "man": (0, 1), "both": (1, 1), "street": (0, 0)}
# People in each kind of shot, with the range of x in which they are shown.
_PEOPLE: Final[Mapping[str, tuple[tuple[str, float, float], ...]]] = {
    "woman": (("female", 0, WIDTH),),
    "man": (("male", 0, WIDTH),),
    "both": (("female", 0, WIDTH / 2), ("male", WIDTH / 2, WIDTH)),
    "street": (),
}
# Ranges of frames; between them, faces of cyclists are visible.
_STREET_WITHOUT_FACES: Final = ((0, 30), (45, 75), (83, 102), (137, 250))


@dataclass(frozen=True)
class Programme:
    """A programme of the demo with its true figures.

    Attributes:
        path: relative to the archive's folder.
        shots: (kind, seconds) in order of air time.
        start_seconds: timestamp of the first frame in the file; broadcast streams seldom start at 0.
        damage: ``cut`` (the file ends early) or ``text`` (not a video); empty for an intact file.
    """

    path: str
    shots: tuple[tuple[str, int], ...]
    start_seconds: float = 0.0
    damage: str = ""

    @property
    def seconds(self) -> int:
        """Duration."""
        return sum(seconds for _, seconds in self.shots)

    @property
    def female_face_seconds(self) -> int:
        """True face time of women."""
        return sum(_SHOWS[kind][0] * seconds for kind, seconds in self.shots)

    @property
    def male_face_seconds(self) -> int:
        """True face time of men."""
        return sum(_SHOWS[kind][1] * seconds for kind, seconds in self.shots)

    def shown_at(self, seconds: float) -> str:
        """The kind of shot on screen at a moment, seconds from the start."""
        ends = list(accumulate(length for _, length in self.shots))
        return self.shots[min(bisect_right(ends, seconds), len(ends) - 1)][0]

    @property
    def cuts(self) -> int:
        """Cuts from one shot to the next."""
        return len(self.shots) - 1


PROGRAMMES: Final = (
    Programme("north/2024-03-07/1900_evening news.mp4", (("woman", 9), ("street", 4), ("man", 5), ("both", 4))),
    Programme("north/2024-03-07/2000_portrait.mp4", (("woman", 11), ("both", 3), ("woman", 6))),
    Programme("north/2024-03-07/2100_talk.mp4", (("both", 9), ("man", 6), ("woman", 5))),
    Programme(
        "north/2024-03-08/1900_evening news.ts", (("man", 8), ("street", 5), ("woman", 8)), start_seconds=3_990.5
    ),
    Programme("north/2024-03-08/2000_portrait.mp4", (("man", 12), ("street", 3), ("woman", 4))),
    Programme("north/2024-03-08/2100_talk.ts", (("woman", 7), ("both", 6), ("man", 7)), start_seconds=95_443.7),
    Programme("south/2024-03-07/1900_magazine.ts", (("street", 4), ("man", 10), ("both", 6)), start_seconds=1_234.56),
    Programme("south/2024-03-07/2000_film.mp4", (("man", 9), ("street", 6), ("woman", 6))),
    Programme("south/2024-03-07/2100_talk.mp4", (("man", 12), ("both", 4), ("man", 4))),
    Programme("south/2024-03-08/1900_magazine.mp4", (("both", 8), ("street", 4), ("man", 7), ("woman", 3))),
    Programme("south/2024-03-08/2000_film.ts", (("man", 13), ("woman", 4), ("street", 4)), start_seconds=77.0),
    Programme("south/2024-03-08/2100_talk.mp4", (("woman", 5), ("man", 11), ("both", 5))),
    Programme("south/2024-03-08/2200_late talk.mp4", (("man", 10), ("woman", 10), ("street", 10)), damage="cut"),
    Programme("south/2024-03-08/2330_night.mp4", (), damage="text"),
)


def run(archive: Path, on_done: Callable[[Programme], None] = lambda _: None) -> tuple[Programme, ...]:
    """Write the archive into a folder; existing files are left.

    Raises:
        FetchError: the footage is not in the cache and cannot be fetched.
        ChecksumError: a fetched file has a wrong checksum.
    """
    source = footage()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for programme in threads.map(lambda programme: _write(archive, programme, source), PROGRAMMES):
            on_done(programme)
    return PROGRAMMES


def label(lake: Path | str, file: Path) -> None:
    """Write a CSV of the true labels of all faces in half of the samples.

    A missed face is labelled by its true position, and a false detection as no face.

    Raises:
        LakeError: the lake was never published.
    """
    with warehouse.open(lake) as db:
        samples = db.query(_SAMPLES).to_pylist()
    rng = np.random.default_rng(0)  # every second sample could coincide with the shots
    rows = [row for sample in samples if rng.random() < 0.5 for row in _answers(sample)]
    with file.open("w", newline="", encoding="utf-8") as text:
        table = csv.DictWriter(text, ["recording", "seconds", "box", "answer", "annotator", "whole_picture"])
        table.writeheader()
        table.writerows(rows)


# One row per sample, with the boxes of its counted faces.
_SAMPLES: Final = """
select
    recordings.path,
    samples.seconds,
    coalesce(list([faces.x1, faces.y1, faces.x2, faces.y2] order by faces.face_index)
        filter (where face_gender.counted), []) as boxes
from samples
inner join recordings using (recording_id)
left join faces using (recording_id, sample_index)
left join face_gender
    on
        faces.recording_number = face_gender.recording_number
        and faces.sample_index = face_gender.sample_index
        and faces.face_index = face_gender.face_index
group by all
order by all
"""


def _answers(sample: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    (programme,) = (item for item in PROGRAMMES if sample["path"].endswith(item.path))
    moment = sample["seconds"] + 0.5 / FPS  # within the frame at the sample's start
    boxes = list(sample["boxes"])
    common: dict[str, object] = {"recording": programme.path, "seconds": f"{moment:.3f}"}
    common |= {"annotator": "demo", "whole_picture": "yes"}
    for answer, left, right in _PEOPLE[programme.shown_at(moment)]:
        inside = [box for box in boxes if left <= (box[0] + box[2]) / 2 < right]
        box = inside[0] if inside else [(3 * left + right) / 4, HEIGHT / 4, (left + 3 * right) / 4, HEIGHT * 3 / 4]
        boxes = [other for other in boxes if other is not box]
        yield common | {"box": " ".join(f"{edge:.1f}" for edge in box), "answer": answer}
    for box in boxes:
        yield common | {"box": " ".join(f"{edge:.1f}" for edge in box), "answer": "no_face"}


def _write(archive: Path, programme: Programme, source: "Footage") -> Programme:
    path = archive / programme.path
    if path.exists():
        return programme
    path.parent.mkdir(parents=True, exist_ok=True)
    if programme.damage == "text":
        files.write(path, "This is not a video.\n")
        return programme
    cuts = set(accumulate(seconds * FPS for _, seconds in programme.shots))
    broadcast = path.suffix == ".ts"
    unfinished = path.with_name(f".{path.name}")  # the extension selects the container
    write_video(
        unfinished,
        source.pictures(programme.shots),
        FPS,
        codec="mpeg2video" if broadcast else "libx264",
        gop=12 if broadcast else 2 * FPS,
        bit_rate=3_000_000 if broadcast else 0,
        keyframes=cuts,
        start_seconds=programme.start_seconds,
    )
    if programme.damage == "cut":
        os.truncate(unfinished, unfinished.stat().st_size * 6 // 10)
    files.put_in_place(unfinished, path)
    return programme


def footage() -> "Footage":
    """Fetch the clips, on first use, and decode them.

    Raises:
        FetchError: they are not in the models folder and cannot be fetched.
        ChecksumError: a fetched file has a wrong checksum.
    """
    street = list(read_frames(store.fetch_source("bikes")))
    portrait = Image.open(store.fetch_source("astronaut")).convert("RGB")
    return Footage(
        np.asarray(portrait.resize((1024, 1024), Image.Resampling.BICUBIC)),
        tuple(read_frames(store.fetch_source("carphone"))),
        tuple(frame for first, last in _STREET_WITHOUT_FACES for frame in street[first:last]),
    )


@dataclass(frozen=True)
class Footage:
    """The clips.

    Attributes:
        portrait: a woman, (1024, 1024, 3) uint8: twice its size, so that whole pixels are fine enough for slow pans.
        car: frames of a man, (144, 176, 3) uint8 each.
        street: frames without a face, (272, 640, 3) uint8 each.
    """

    portrait: NDArray[np.uint8]
    car: tuple[NDArray[np.uint8], ...]
    street: tuple[NDArray[np.uint8], ...]

    def frames(self, shots: tuple[tuple[str, int], ...]) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames of the shots, (360, 640, 3) uint8 RGB."""
        for picture in self.pictures(shots):
            yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)

    def pictures(self, shots: tuple[tuple[str, int], ...]) -> Iterator[Drawing]:
        """Yield the frames of the shots as an encoder takes them: 640x360, YUV 4:2:0."""
        draw: Mapping[str, Callable[[float, int], Drawing]] = {
            "woman": self._woman,
            "man": self._man,
            "street": lambda seconds, width: _fit(_there_and_back(self.street, seconds), width),
            "both": lambda seconds, width: beside(self._woman(seconds, width // 2), self._man(seconds, width // 2)),
        }
        for kind, length in shots:
            for index in range(length * FPS):
                yield draw[kind](index / FPS, WIDTH)

    def _woman(self, seconds: float, width: int) -> Drawing:
        """The portrait, slowly panned and zoomed; the whole face remains in the frame."""
        sway = (1 - cos(2 * pi * seconds / 8)) / 2
        high = 560 - 160 * sway
        wide = high * width / HEIGHT
        left = min(max(450 - wide / 2 + 60 * (sway - 0.5), 0), 1024 - wide)
        return scaled(self.portrait, (left, 40, left + wide, 40 + high), (width, HEIGHT))

    def _man(self, seconds: float, width: int) -> Drawing:
        return _fit(_there_and_back(self.car, seconds), width)


def _there_and_back(frames: tuple[NDArray[np.uint8], ...], seconds: float) -> NDArray[np.uint8]:
    """The frame of a clip that is played forwards and backwards repeatedly."""
    period = 2 * len(frames) - 2
    index = int(seconds * FPS) % period
    return frames[min(index, period - index)]


def _fit(pixels: NDArray[np.uint8], width: int) -> Drawing:
    """Fill ``width`` x 360, cropping the sides or the bottom."""
    scale = max(width / pixels.shape[1], HEIGHT / pixels.shape[0])
    wide, high = width / scale, HEIGHT / scale
    left = (pixels.shape[1] - wide) / 2
    return scaled(pixels, (left, 0, left + wide, high), (width, HEIGHT))
