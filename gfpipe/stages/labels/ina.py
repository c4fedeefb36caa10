"""What inaFaceAnalyzer saw, as a lake of its own: its CSVs, matched with the recordings that a lake knows.

The other lake has the same schedule, recordings, lengths and rules of counting, so publish, stats and report work on it
unchanged, and both tools' screen time can be held side by side (:mod:`gfpipe.stages.figures.compare`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from gfpipe.errors import UsageError
from gfpipe.labelling.imports import foreign, inaface, recordings
from gfpipe.labelling.imports.inaface import Faces, Samples
from gfpipe.lake import schedule, shards
from gfpipe.lake.shards import Provenance, Stored
from gfpipe.lake.storage import Storage
from gfpipe.progress import OnProgress, Progress
from gfpipe.recording import REFERENCE_LINES, Recording, Timings

_FACTS: Final = ("lost_ranges", "width", "height", "frame_seconds", "codec", "container")


@dataclass(frozen=True)
class Summary:
    """What one import came to.

    Attributes:
        recordings: how many are in the other lake now.
        seconds: of them, that were analysed.
        faces: how many were imported.
        problems: files that were left out, each with the reason.
    """

    recordings: int
    seconds: float
    faces: int
    problems: tuple[tuple[Path, str], ...]


def run(lake: str, into: str, sources: Sequence[Path], fps: float | None, on_progress: OnProgress) -> Summary:
    """Write CSVs, or folders of them, as the analyses of a lake; an earlier import of the same recording is replaced.

    A file that names no recording, or is no such CSV, is left out and named.

    Args:
        lake: what gfpipe analysed: it says which recordings there are, how long they are and how large their frames.
        into: the other lake.
        sources: what inaFaceAnalyzer wrote.
        fps: the ``--fps`` of its run; None where it had none.
        on_progress: receives files done and in all.

    Raises:
        UsageError: a source is not there or holds no CSV, or both lakes are one.
        LakeError: a lake cannot be read or written.
    """
    if Storage(lake).path() == Storage(into).path():
        raise UsageError(f"{into} holds gfpipe's own analyses: give another folder for those of {inaface.PROGRAM}")
    files, known = list(foreign.files(sources, inaface.PROGRAM)), recordings.read(lake)
    analysed = {recording.recording_id: recording for recording in shards.analysed(lake)}
    schedule.copy(lake, into)
    taken: dict[str, Path] = {}
    seconds, faces = 0.0, 0
    problems: list[tuple[Path, str]] = []
    for done, file in enumerate(files, start=1):
        on_progress(Progress("reading files", done, len(files)))
        try:
            recording = foreign.recording_of(file, known)
            if first := taken.get(recording.recording_id):
                raise UsageError(f"is about {recording.path}, as {first} is; keep one of the two")
            found = _analysis(lake, analysed.get(recording.recording_id), recording.path)
            _refuse_our_own(into, found.recording)
            written = _write(into, found, file.path, fps)
        except UsageError as exc:
            problems.append((file.path, str(exc)))
            continue
        taken[recording.recording_id] = file.path
        seconds, faces = seconds + found.row["analysed_seconds"], faces + written
    return Summary(len(taken), seconds, faces, tuple(problems))


def _analysis(lake: str, recording: Recording | None, path: str) -> Stored:
    found = shards.stored(lake, recording) if recording else None
    if found is None or not (found.row["frame_seconds"] and found.row["height"]):
        raise UsageError(
            f"how long {path} is, and how many frames a second it has, is not known: gfpipe could not analyse it, "
            f"or has not yet; see gfpipe status --lake {lake}"
        )
    return found


def _refuse_our_own(into: str, recording: Recording) -> None:
    there = shards.stored(into, recording)
    if there and there.provenance.sampling != shards.IMPORTED:
        raise UsageError(f"{into} holds gfpipe's own analysis of {recording.path}: give another folder")


def _write(into: str, found: Stored, path: Path, fps: float | None) -> int:
    """Put one recording into the other lake; how many faces it has."""
    faces, row = inaface.read(path), found.row
    samples = inaface.samples(path, faces, row["analysed_seconds"], row["frame_seconds"], fps)
    provenance = Provenance.of(
        sampling=shards.IMPORTED,
        every_seconds=inaface.step(row["frame_seconds"], fps) * row["frame_seconds"],
        min_face=found.provenance.min_face,
        min_score=0.0,
        detector_id=inaface.MODEL,
        detector_sha256="",
        classifier_id=inaface.MODEL,
        classifier_sha256="",
    )
    with shards.writer(into, found.recording, provenance) as write:
        columns, answers = _columns(faces, samples, row["height"], provenance.min_face)
        write.write(samples.seconds, samples.step_seconds, samples.sample, columns, answers)
        summary = replace(
            found.summary,
            analysed_seconds=write.analysed_seconds,
            samples=write.samples,
            faces=write.faces,
            timings=Timings(),
            reused=False,
        )
        write.finish(summary, **{fact: row[fact] for fact in _FACTS})
    return write.faces


def _columns(faces: Faces, samples: Samples, height: int, min_face: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns of ``faces`` and of ``attributes``; there are no landmarks."""
    kept = samples.faces
    x1, y1, x2, y2 = faces.boxes[kept].T
    height_360 = (y2 - y1) * np.float32(REFERENCE_LINES / height)
    columns = {
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "landmarks": np.full((len(kept), 10), np.nan, np.float32),
        "detector_score": faces.scores[kept],
        "height_360": height_360,
        "below_min_face": height_360 < min_face,
        "track_id": None if faces.track_id is None else faces.track_id[kept],
    }
    ages = None if faces.age_years is None else faces.age_years[kept]
    return columns, {"p_female": faces.p_female[kept], "age_years": ages}
