"""The view *Faces*: faces drawn at random by what was read, and by what people answered."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from gfpipe.errors import UsageError
from gfpipe.labelling.labels import ANSWERS
from gfpipe.output import names
from gfpipe.pages.view.figures import Figures, Row
from gfpipe.pages.view.filters import Filter

SHOWN: Final = 48
READINGS: Final = {"female": "woman", "male": "man", "undecided": "undecided"}
PEOPLE: Final = {"female": "woman", "male": "man", "undecided": "cannot tell", "no_face": "not a face"}
CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "read": READINGS,
    "confidence": {"unsure": "unsure", "low": "low", "middle": "middle", "high": "high"},
    "size": {"small": "small", "medium": "medium", "large": "large"},
    "label": {name: PEOPLE[name] for name in ANSWERS},
}
BOUNDS: Final = ("min_score", "max_score", "min_track", "max_track")
_MOST_RECORDINGS: Final = 150  # that faces are drawn from


@dataclass(frozen=True)
class Selection:
    """Which faces are drawn; None does not restrict.

    Attributes:
        read: what the classifier read.
        confidence: of the classifier, in classes.
        size: small, medium or large.
        label: what people answered; only labelled faces are shown.
        min_score, max_score: of the detector.
        min_track, max_track: number of faces of the track.
        seed: determines the draw.
    """

    read: str | None = None
    confidence: str | None = None
    size: str | None = None
    label: str | None = None
    min_score: float | None = None
    max_score: float | None = None
    min_track: int | None = None
    max_track: int | None = None
    seed: int = 0

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """Read a selection from the parameters of an address; raises UsageError."""
        values: dict[str, Any] = {}
        for name, choices in CHOICES.items():
            if text := query.get(name):
                if text not in choices:
                    raise UsageError(f"{name}={text}: choose from {', '.join(choices)}")
                values[name] = text
        for name in (*BOUNDS, "seed"):
            if text := query.get(name):
                try:
                    values[name] = float(text) if name.endswith("score") else int(text[:12])
                except ValueError as exc:
                    raise UsageError(f"{name}={text}: is not a number") from exc
        return cls(**values)

    def again(self) -> Self:
        """The same with another seed."""
        return replace(self, seed=self.seed + 1)

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of its address."""
        return vars(self) | {"seed": self.seed or None}


@dataclass(frozen=True)
class Face:
    """A face of the sheet: its keys, and what is said of it."""

    recording_id: str
    sample: int
    face: int
    read: str
    p_female: float
    label: str | None
    height: float
    score: float
    track: int
    place: str


@dataclass(frozen=True)
class Sheet:
    """Faces that were drawn.

    Attributes:
        population: number of faces that match, in the recordings that were drawn.
        recordings: number of recordings that were drawn.
        of: number of recordings that they were drawn from.
    """

    faces: tuple[Face, ...]
    population: int
    recordings: int
    of: int


def draw(figures: Figures, given: Filter, selection: Selection) -> Sheet:
    """Draw faces at random.

    Up to 150 recordings, all of them are searched. Of more, 150 are drawn with probabilities in proportion to their
    face time, and each gives as many faces: every matching face is about equally likely to be shown.
    """
    if selection.label is not None:
        rows = figures.ask(
            "view_labelled_faces",
            given,
            answer=selection.read,
            label=selection.label,
            seed=selection.seed,
            most=SHOWN,
        )
        return Sheet(tuple(map(_face, rows)), rows[0]["population"] if rows else 0, 0, 0)
    drawn = figures.ask(
        "view_drawn_recordings", given, answer=selection.read, seed=selection.seed, most=_MOST_RECORDINGS
    )
    population = drawn[0]["population"] if drawn else 0
    if not drawn:
        return Sheet((), 0, 0, 0)
    rows = figures.ask(
        "view_drawn_faces",
        numbers=[row["recording_number"] for row in drawn],
        by_recording=population > len(drawn),
        answer=selection.read,
        most=SHOWN,
        **{name: getattr(selection, name) for name in ("confidence", "size", *BOUNDS, "seed")},
    )
    return Sheet(tuple(map(_face, rows)), rows[0]["population"] if rows else 0, len(drawn), population)


def _face(row: Row) -> Face:
    start = row["started_at"]
    return Face(
        row["recording_id"],
        row["sample_index"],
        row["face_index"],
        row["answer"],
        row["p_female"],
        row.get("answer_by_people"),
        row["height_360"],
        row["detector_score"],
        row["track_faces"],
        names.line(f"{row['channel']} · {row['programme']} · {start:%Y-%m-%d}"),
    )
