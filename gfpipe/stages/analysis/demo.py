"""Make a small archive of real footage whose true screen time is known to the frame.

Two people who published their picture for such use, and a street: `carphone` (a man in a car), `astronaut` (a
woman, portrait by NASA, public domain; panned and zoomed) and `bikes` (those parts where no face is on screen).
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
from gfpipe.models import store
from gfpipe.video.encode import read_frames, write_video

FPS: Final = 25
WIDTH, HEIGHT = 640, 360
TIMEZONE: Final = "Europe/Paris"

# Kinds of shots, and how many women and men each shows.
_SHOWS: Final = {"woman": (1, 0), "man": (0, 1), "both": (1, 1), "street": (0, 0)}
# Who is where in the picture, from one x to another.
_PEOPLE: Final[Mapping[str, tuple[tuple[str, float, float], ...]]] = {
    "woman": (("female", 0, WIDTH),),
    "man": (("male", 0, WIDTH),),
    "both": (("female", 0, WIDTH / 2), ("male", WIDTH / 2, WIDTH)),
    "street": (),
}
# Cyclists pass between these parts of the street, and their faces can be seen.
_STREET_WITHOUT_FACES: Final = ((0, 30), (45, 75), (83, 102), (137, 250))


@dataclass(frozen=True)
class Programme:
    """A programme of the demo: its shots, and what is true of it.

    Attributes:
        path: relative to the archive's folder.
        shots: (kind, seconds) in order of air time.
        start_seconds: timestamp of the first frame in the file; broadcast streams seldom start at 0.
        damage: ``cut`` (the file ends early) or ``text`` (no video at all); empty for an intact one.
    """

    path: str
    shots: tuple[tuple[str, int], ...]
    start_seconds: float = 0.0
    damage: str = ""

    @property
    def seconds(self) -> int:
        """How long it lasts."""
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
    """Write the demo's archive into a folder; files that are there already are kept.

    Raises:
        FetchError: the footage is not in the cache and cannot be fetched.
        ChecksumError: what was fetched is not what the catalogue promises.
    """
    source = footage()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for programme in threads.map(lambda each: _write(archive, each, source), PROGRAMMES):
            on_done(programme)
    return PROGRAMMES


def label(lake: Path | str, file: Path) -> None:
    """Answer for the faces of half the pictures as somebody would who looks at it, and write the CSV of answers.

    Every face of such a picture is marked: one that the detector missed by the place where it is, and what the
    detector took for a face, as none.

    Raises:
        LakeError: the lake was never published.
    """
    with warehouse.open(lake) as db:
        found = db.query(_FOUND).to_pylist()
    drawn = np.random.default_rng(0)  # by chance: every second picture could be in step with the programme
    rows = [row for picture in found if drawn.random() < 0.5 for row in _answers(picture)]
    with file.open("w", newline="", encoding="utf-8") as text:
        table = csv.DictWriter(text, ["recording", "seconds", "box", "answer", "annotator", "whole_picture"])
        table.writeheader()
        table.writerows(rows)


# A picture a row, with the boxes of its counted faces.
_FOUND: Final = """
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


def _answers(picture: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    (programme,) = (each for each in PROGRAMMES if picture["path"].endswith(each.path))
    moment = picture["seconds"] + 0.5 / FPS  # the sample is the picture shown at its start
    boxes = list(picture["boxes"])
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
        path.write_text("This is no video, whatever its name says.\n")
        return programme
    cuts = set(accumulate(seconds * FPS for _, seconds in programme.shots))
    broadcast = path.suffix == ".ts"
    unfinished = path.with_name(f".{path.name}")
    write_video(
        unfinished,
        source.frames(programme.shots),
        FPS,
        codec="mpeg2video" if broadcast else "libx264",
        gop=12 if broadcast else 2 * FPS,
        bit_rate=3_000_000 if broadcast else 0,
        keyframes=cuts,
        start_seconds=programme.start_seconds,
    )
    if programme.damage == "cut":
        os.truncate(unfinished, unfinished.stat().st_size * 6 // 10)
    unfinished.replace(path)
    return programme


def footage() -> "Footage":
    """Fetch the clips, on first use, and decode them.

    Raises:
        FetchError: they are not in the models folder and cannot be fetched.
        ChecksumError: what was fetched is not what the catalogue promises.
    """
    street = list(read_frames(store.fetch_source("bikes")))
    return Footage(
        Image.open(store.fetch_source("astronaut")).convert("RGB"),
        tuple(read_frames(store.fetch_source("carphone"))),
        tuple(frame for first, last in _STREET_WITHOUT_FACES for frame in street[first:last]),
    )


@dataclass(frozen=True)
class Footage:
    """Three clips, from which shots are made.

    Attributes:
        portrait: a woman, 512x512.
        car: frames of a man, (144, 176, 3) uint8 each.
        street: frames without a face, (272, 640, 3) uint8 each.
    """

    portrait: Image.Image
    car: tuple[NDArray[np.uint8], ...]
    street: tuple[NDArray[np.uint8], ...]

    def frames(self, shots: tuple[tuple[str, int], ...]) -> Iterator[NDArray[np.uint8]]:
        """Every frame of the shots in turn, (360, 640, 3) uint8."""
        draw: Mapping[str, Callable[[float, int], NDArray[np.uint8]]] = {
            "woman": self._woman,
            "man": self._man,
            "street": lambda seconds, width: _fit(Image.fromarray(_there_and_back(self.street, seconds)), width),
            "both": lambda seconds, width: np.hstack(
                [self._woman(seconds, width // 2), self._man(seconds, width // 2)]
            ),
        }
        for kind, length in shots:
            for index in range(length * FPS):
                yield draw[kind](index / FPS, WIDTH)

    def _woman(self, seconds: float, width: int) -> NDArray[np.uint8]:
        """The portrait, slowly panned and zoomed round the face; every part of the face stays in the picture."""
        sway = (1 - cos(2 * pi * seconds / 8)) / 2
        high = 280 - 80 * sway
        wide = high * width / HEIGHT
        left = min(max(225 - wide / 2 + 30 * (sway - 0.5), 0), 512 - wide)
        box = (left, 20, left + wide, 20 + high)
        return np.asarray(self.portrait.resize((width, HEIGHT), Image.Resampling.BICUBIC, box=box))

    def _man(self, seconds: float, width: int) -> NDArray[np.uint8]:
        return _fit(Image.fromarray(_there_and_back(self.car, seconds)), width)


def _there_and_back(frames: tuple[NDArray[np.uint8], ...], seconds: float) -> NDArray[np.uint8]:
    """A clip played forwards and backwards without end, so that it never jumps."""
    period = 2 * len(frames) - 2
    at = int(seconds * FPS) % period
    return frames[min(at, period - at)]


def _fit(image: Image.Image, width: int) -> NDArray[np.uint8]:
    """Fill ``width`` x 360, cutting off what is too much at the sides or at the bottom."""
    scale = max(width / image.width, HEIGHT / image.height)
    wide, high = width / scale, HEIGHT / scale
    left = (image.width - wide) / 2
    return np.asarray(image.resize((width, HEIGHT), Image.Resampling.BICUBIC, box=(left, 0, left + wide, high)))
