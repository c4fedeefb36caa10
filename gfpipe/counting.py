"""Which detected faces and which recordings count."""

from typing import Annotated, Final

from pydantic import Field

from gfpipe.base.validation import between, validated
from gfpipe.choices import DEFAULT_MIN_FACE, DEFAULT_MIN_SCORE, Copies, Overlaps
from gfpipe.recording import REFERENCE_LINES

MIN_STORED_SCORE: Final = 0.5  # detector score from which faces are stored


@validated
class Counting:
    """Which faces and recordings count, of those stored: to change it, nothing is decoded again.

    Attributes:
        min_face: least height, in lines of a 360-line picture.
        min_score: least detector score.
        overlapping: which of several recordings of a channel counts while they overlap.
        copies: how often files of the same content count.
    """

    min_face: Annotated[float, between(0, REFERENCE_LINES)] = DEFAULT_MIN_FACE
    min_score: Annotated[float, Field(ge=MIN_STORED_SCORE, lt=1)] = DEFAULT_MIN_SCORE
    overlapping: Overlaps = Overlaps.FIRST
    copies: Copies = Copies.ONCE
