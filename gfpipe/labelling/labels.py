"""A label: one answer of a human annotator about one face."""

from dataclasses import dataclass
from typing import Final

ANSWERS: Final = ("female", "male", "undecided", "no_face")
MIN_BOX_SIDE: Final = 2.0  # pixels; smaller boxes are mistakes


@dataclass(frozen=True)
class Label:
    """A row of the lake's table ``labels``.

    Attributes:
        recording_id: id of the recording.
        seconds: time of the frame, from the start of the recording.
        x1, y1, x2, y2: box of the face in pixels of the source frame.
        answer: one of `ANSWERS`.
        weight: number of faces in the archive that this one represents.
        annotator: name of the annotator; None if unknown.
        whole_picture: whether all faces of the frame were labelled.
    """

    recording_id: str
    seconds: float
    x1: float
    y1: float
    x2: float
    y2: float
    answer: str
    weight: float
    annotator: str | None
    whole_picture: bool

    @property
    def key(self) -> tuple[object, ...]:
        """Face and annotator: at most one label may have this key."""
        return (self.recording_id, self.seconds, self.x1, self.y1, self.x2, self.y2, self.annotator)
