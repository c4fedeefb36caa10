"""The faces of a recording: when they are on screen, where, and how they are perceived."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from gfpipe.base.files import on_disk

WORDS: Final = {"female": "woman", "male": "man", "undecided": "undecided", "not counted": "not counted"}
# Colours of people's vision deficiencies (Okabe and Ito 2008), RRGGBB.
COLOURS: Final = {"female": "E69F00", "male": "56B4E9", "undecided": "CC79A7", "not counted": "999999"}


@dataclass(frozen=True)
class Face:
    """One detected face, for as long as its sample stands for.

    Attributes:
        sample, index: its sample, and its number in it.
        start_seconds, end_seconds: interval of the sample, from the start of the file.
        box: x1, y1, x2, y2 as fractions of the width and height of the picture as players show it.
        perceived_gender: a key of `WORDS`: female, male or undecided; or not counted, if it is too small or uncertain.
        p_female: None if it was not classified.
    """

    sample: int
    index: int
    start_seconds: float
    end_seconds: float
    box: tuple[float, float, float, float]
    perceived_gender: str
    p_female: float | None = None

    @property
    def text(self) -> str:
        """``woman 97 %``: the perceived gender and its probability; of undecided faces that of female."""
        word = WORDS[self.perceived_gender]
        if self.p_female is None or self.perceived_gender == "not counted":
            return word
        return f"{word} {100 * (1 - self.p_female if self.perceived_gender == 'male' else self.p_female):.0f} %"


@dataclass(frozen=True)
class Overlay:
    """The faces of a recording in order of time; width and height are those of its frames in pixels."""

    recording_id: str
    path: str
    title: str
    width: int
    height: int
    faces: tuple[Face, ...]

    @property
    def uri(self) -> str:
        """The file as a ``file://`` address."""
        return Path(on_disk(self.path)).absolute().as_uri()

    def samples(self) -> Iterator[tuple[float, float, list[Face]]]:
        """Start, end and faces, from left to right, of each sample with faces."""
        for _, group in groupby(self.faces, lambda face: face.sample):
            faces = sorted(group, key=lambda face: face.box)
            yield faces[0].start_seconds, faces[0].end_seconds, faces
