"""A label: one answer of a human annotator about one face."""

from dataclasses import dataclass
from typing import Final

ANSWERS: Final = ("female", "male", "undecided", "no_face")
MIN_BOX_SIDE: Final = 2.0  # pixels; smaller boxes are mistakes


@dataclass(frozen=True)
class Label:
    """A row of the lake's table ``labels`` (:data:`gfpipe.lake.schema.LABELS`).

    Attributes:
        answer: one of `ANSWERS`.
        annotator: None if unknown.
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
