"""Imports faces of inaFaceAnalyzer as a second lake.

The second lake has the same schedule, recordings, durations and minimum face height, so publish, stats and report work
on it unchanged, and the screen times of both tools can be compared (:mod:`gfpipe.stages.figures.compare`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gfpipe.base.progress import OnProgress
from gfpipe.errors import UsageError
from gfpipe.labelling.imports import external, inaface, recordings
from gfpipe.labelling.imports.external import ImportSummary
from gfpipe.labelling.imports.inaface import Faces, Samples
from gfpipe.labelling.imports.recordings import KnownRecording
from gfpipe.lake import schedule, shards
from gfpipe.lake.index import earlier
from gfpipe.lake.provenance import IMPORTED, Provenance
from gfpipe.lake.schema import VIDEO_COLUMNS
from gfpipe.lake.shards import Stored
from gfpipe.lake.storage import Storage
from gfpipe.recording import REFERENCE_LINES, Recording, Timings


@dataclass(frozen=True)
class Summary(ImportSummary):
    """Result of an import; ``seconds`` were analysed, ``faces`` imported."""

    seconds: float
    faces: int


def run(lake: str, into: str, sources: Sequence[Path], fps: float | None, on_progress: OnProgress) -> Summary:
    """Import CSVs, or folders of them, replacing earlier imports for the same recordings.

    Args:
        lake: a lake that gfpipe analysed: the source of recordings, their durations and frame sizes.
        into: the second lake.
        sources: output of inaFaceAnalyzer.
        fps: the ``--fps`` of its run; None if it had none.
        on_progress: receives the number of files read.

    Raises:
        UsageError: a source does not exist or contains no CSV, or both lakes are the same.
        LakeError: a lake cannot be read or written.
    """
    if Storage(lake).path() == Storage(into).path():
        raise UsageError(f"{into} contains gfpipe's own analyses: give another folder for those of {inaface.PROGRAM}")
    files, known = external.files(sources, inaface.PROGRAM), recordings.read(lake)
    analysed = {recording.recording_id: recording for recording in earlier.analysed(lake)}
    seconds, faces = 0.0, 0

    def import_file(path: Path, recording: KnownRecording) -> None:
        nonlocal seconds, faces
        stored = _analysis(lake, analysed.get(recording.recording_id), recording.path)
        _refuse_own_analysis(into, stored.recording)
        faces += _write(into, stored, path, fps)
        seconds += stored.row["analysed_seconds"]

    schedule.copy(lake, into)
    imported = external.import_files(files, known, import_file, on_progress)
    return Summary(imported.recordings, imported.problems, seconds, faces)


def _analysis(lake: str, recording: Recording | None, path: str) -> Stored:
    stored = shards.stored(lake, recording) if recording else None
    if stored is None or not (stored.row["frame_seconds"] and stored.row["height"]):
        raise UsageError(
            f"duration and frame rate of {path} are unknown: gfpipe could not analyse it, or has not yet; see "
            f"gfpipe status --lake {lake}"
        )
    return stored


def _refuse_own_analysis(into: str, recording: Recording) -> None:
    stored = shards.stored(into, recording)
    if stored and stored.provenance.sampling != IMPORTED:
        raise UsageError(f"{into} contains gfpipe's own analysis of {recording.path}: give another folder")


def _write(into: str, stored: Stored, path: Path, fps: float | None) -> int:
    """Write one recording into the second lake; return the number of its faces."""
    faces, row = inaface.read(path), stored.row
    samples = inaface.samples(path, faces, row["analysed_seconds"], row["frame_seconds"], fps)
    provenance = Provenance.of(
        sampling=IMPORTED,
        every_seconds=inaface.step(row["frame_seconds"], fps) * row["frame_seconds"],
        min_score=0.0,
        detector_id=inaface.MODEL,
        detector_sha256="",
        classifier_id=inaface.MODEL,
        classifier_sha256="",
    )
    with shards.writer(into, stored.recording, provenance) as write:
        columns, attributes = _columns(faces, samples, row["height"])
        write.write(samples.seconds, samples.step_seconds, samples.sample, columns, attributes)
        summary = replace(
            stored.summary,
            analysed_seconds=write.analysed_seconds,
            samples=write.samples,
            faces=write.faces,
            timings=Timings(),
            reused=False,
        )
        write.finish(summary, **{name: row[name] for name in VIDEO_COLUMNS})
    return write.faces


def _columns(faces: Faces, samples: Samples, height: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns of ``faces``, without landmarks, and of ``attributes``."""
    indices = samples.faces
    x1, y1, x2, y2 = faces.boxes[indices].T
    height_360 = (y2 - y1) * np.float32(REFERENCE_LINES / height)
    columns = {
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "landmarks": np.full((len(indices), 10), np.nan, np.float32),
        "detector_score": faces.scores[indices],
        "height_360": height_360,
        "track_id": None if faces.track_id is None else faces.track_id[indices],
    }
    ages = None if faces.age_years is None else faces.age_years[indices]
    return columns, {"p_female": faces.p_female[indices], "age_years": ages}
