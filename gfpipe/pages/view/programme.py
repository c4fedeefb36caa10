"""The view *Programme*: one recording as a strip over time, and its frames with the faces that were found."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from gfpipe.base.files import on_disk
from gfpipe.errors import RecordingError
from gfpipe.lake.index.places import speech_place
from gfpipe.lake.storage import Storage
from gfpipe.pages.pictures.detections import Detections
from gfpipe.pages.pictures.images import FaceAt, FrameAt
from gfpipe.pages.view.exclusions import Exclusions
from gfpipe.pages.view.figures import Figures, Row, recording_of

AHEAD: Final = 10  # frames that are decoded in advance
KINDS: Final = {
    "women": "women only",
    "both": "women and men",
    "men": "men only",
    "undecided": "undecided only",
    "nobody": "nobody",
}
READINGS: Final = {"female": "woman", "male": "man", "undecided": "undecided"}
_TOLERANCE: Final = 0.05  # seconds; smaller holes between samples are rounding


@dataclass(frozen=True)
class Run:
    """A stretch of the strip: start and length in seconds from the recording's start, and its class."""

    start: float
    seconds: float
    kind: str
    text: str = ""


@dataclass(frozen=True)
class Strip:
    """A recording over time, in seconds.

    Attributes:
        faces: runs of the same kinds of faces.
        left_out: runs that do not count, with the reason.
        speech: who speaks: women or men; empty if no speech was imported.
        shots: starts of shots.
    """

    seconds: float
    faces: tuple[Run, ...]
    left_out: tuple[Run, ...]
    speech: tuple[Run, ...]
    shots: tuple[float, ...]


@dataclass(frozen=True)
class Programme:
    """A recording with its samples, by index."""

    row: Row
    samples: tuple[Row, ...]

    def sample(self, index: int) -> Row:
        """A sample; raises RecordingError if there is none of that index."""
        if not 0 <= index < len(self.samples):
            raise RecordingError(f"{self.row['path']}: has no sample {index}; it has {len(self.samples)}")
        return self.samples[index]

    def frames(self, index: int) -> list[FrameAt]:
        """The frame of a sample, and the next ones."""
        recording = recording_of(self.row)
        self.sample(index)
        return [FrameAt(recording, sample["seconds"]) for sample in self.samples[index : index + 1 + AHEAD]]


def programme(figures: Figures, recording_id: str) -> Programme:
    """Read a recording; raises UsageError if the archive has none of that id."""
    row = figures.recording(recording_id)
    samples = figures.ask("view_samples", recording_number=row["recording_number"])
    return Programme(row, tuple(samples))


def strip(shown: Programme, lake: str, exclusions: Exclusions) -> Strip:
    """The strip of a recording."""
    samples = shown.samples
    end = samples[-1]["seconds"] + samples[-1]["step_seconds"] if samples else 0.0
    seconds = max(end, shown.row["duration_seconds"] or 0.0, 1.0)
    shots = [later["seconds"] for earlier, later in pairwise(samples) if later["shot"] != earlier["shot"]]
    excluded = (Run(*span, "excluded", "excluded") for span in exclusions.of(shown.row, seconds))
    left_out = [*_lost(samples, seconds), *_elsewhere(samples), *excluded]
    return Strip(
        seconds, tuple(_merged(_faces(samples))), tuple(left_out), tuple(_speech(lake, shown.row)), tuple(shots)
    )


def kind(sample: Row) -> str:
    """Which faces a sample shows: a key of `KINDS`."""
    women, men, undecided = (sample[f"{name}_faces"] for name in READINGS)
    if women and men:
        return "both"
    return "women" if women else "men" if men else "undecided" if undecided else "nobody"


def faces(shown: Programme, index: int, detections: Detections, undecided: Sequence[float]) -> list[dict[str, Any]]:
    """The faces that were found in a sample, as messages; boxes are fractions of the frame.

    Between the two values of `undecided`, a probability is neither a woman's nor a man's.
    """
    frame = detections.frame(recording_of(shown.row), shown.sample(index)["seconds"])
    width, height = frame.size
    return [
        {
            "index": face.index,
            "box": [face.box[0] / width, face.box[1] / height, face.box[2] / width, face.box[3] / height],
            "read": _reading(face.p_female, undecided),
            "counts": face.counts,
            "pFemale": face.p_female,
            "score": face.score,
            "height": face.height,
            "track": face.track,
        }
        for face in sorted(frame.faces, key=lambda face: face.box)
    ]


def _reading(p_female: float | None, undecided: Sequence[float]) -> str:
    """The perceived gender of a probability."""
    if p_female is None:
        return "none"
    return "male" if p_female <= undecided[0] else "female" if p_female >= undecided[1] else "undecided"


def face_at(shown: Programme, sample: int, face: int, detections: Detections) -> FaceAt:
    """A face of a sample, to be cut out; raises RecordingError if there is none."""
    frame = FrameAt(recording_of(shown.row), shown.sample(sample)["seconds"])
    found = next((each for each in detections.frame(frame.recording, frame.seconds).faces if each.index == face), None)
    if found is None:
        raise RecordingError(f"{shown.row['path']}: has no face {face} in sample {sample} any more")
    row = shown.row
    return FaceAt(frame, row["recording_id"], sample, face, found.box, row["config_digest"])


def media(shown: Programme, detections: Detections) -> Path:
    """The file to play; raises GfpipeError if it is missing, or not the analysed one."""
    path = on_disk(detections.file(recording_of(shown.row)))
    if not path.is_file():
        raise RecordingError(f"{shown.row['path']}: the file is missing; was the archive moved?")
    return path


def _faces(samples: Iterable[Row]) -> Iterator[Run]:
    return (Run(sample["seconds"], sample["step_seconds"], kind(sample)) for sample in samples)


def _elsewhere(samples: Iterable[Row]) -> Iterator[Run]:
    runs = (
        Run(row["seconds"], row["step_seconds"], "elsewhere", "counted in another recording")
        for row in samples
        if row["elsewhere"]
    )
    return _merged(runs)


def _lost(samples: Sequence[Row], end: float) -> Iterator[Run]:
    """What was not analysed: holes between samples, and after the last one."""
    at = 0.0
    for sample in samples:
        if sample["seconds"] - at > _TOLERANCE:
            yield Run(at, sample["seconds"] - at, "lost", "not analysed")
        at = max(at, sample["seconds"] + sample["step_seconds"])
    if end - at > 1.0:
        yield Run(at, end - at, "lost", "not analysed")


def _speech(lake: str, row: Row) -> Iterator[Run]:
    storage, parts = Storage(lake), speech_place(row["recording_id"])
    if not storage.exists(*parts):
        return
    for segment in storage.read_table(*parts).to_pylist():
        if segment["label"] in ("female", "male"):
            start, stop = segment["start_seconds"], segment["stop_seconds"]
            yield Run(start, stop - start, segment["label"], f"{READINGS[segment['label']]} speaks")


def _merged(runs: Iterable[Run]) -> Iterator[Run]:
    """Adjacent runs of one kind as one."""
    pending: Run | None = None
    for run in runs:
        if pending and pending.kind == run.kind and abs(pending.start + pending.seconds - run.start) <= _TOLERANCE:
            pending = Run(pending.start, run.start + run.seconds - pending.start, run.kind, run.text)
        else:
            if pending:
                yield pending
            pending = run
    if pending:
        yield pending
