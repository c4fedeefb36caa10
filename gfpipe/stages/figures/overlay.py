"""Writes the faces of a recording over its pictures: as subtitles, annotations, or a video with boxes drawn."""

import tempfile
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gfpipe import warehouse
from gfpipe.base import files
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.choices import Sampling
from gfpipe.errors import GfpipeError, LakeError, UsageError
from gfpipe.exports.overlay import annotations, elan, subtitles
from gfpipe.exports.overlay.faces import COLOURS, Face, Overlay
from gfpipe.faces.boxes import CORNERS
from gfpipe.lake import shards
from gfpipe.lake.shards import Stored
from gfpipe.recording import Recording, Status, in_zone
from gfpipe.video.encode import write_video
from gfpipe.video.reader import open_video

VIDEO: Final = ".mp4"
TEXTS: Final[Mapping[str, Callable[[Overlay], str]]] = {
    ".ass": subtitles.ass,
    ".srt": subtitles.srt,
    ".eaf": elan.eaf,
    ".xml": elan.eaf,
    ".json": annotations.collection,
}
_RECORDINGS: Final = """
select recording_id, recording_number, path, channel, programme, started_at, timezone, status, reason, config_digest
from recordings
where recording_id = $name or path in ($name, $path) or ends_with(path, '/' || $name)
order by recording_id <> $name, path
"""
_READINGS: Final = """
select sample_index, face_index, p_female, if(counted, perceived_gender, 'not counted') as perceived_gender
from classified_faces
where recording_number = $number
"""
_LINES: Final = 22  # a picture has so many lines of text


@dataclass(frozen=True)
class Summary:
    """What was written: the recording, and the number of faces in it."""

    recording: Recording
    faces: int


def run(lake: str, name: str, out: Path, on_progress: OnProgress = no_progress) -> Summary:
    """Write the faces of a recording of a published lake to a file, whose ending is the format: see `TEXTS`, `VIDEO`.

    Args:
        lake: a published lake.
        name: recording_id, path, or the end of the path.
        out: an existing file is replaced.
        on_progress: for videos, frames written.

    Raises:
        UsageError: there is no such recording or format, or `out` is the recording itself.
        RecordingError: the recording cannot be read.
        LakeError: the lake was never published, or is not as it was then.
    """
    ending = out.suffix.lower()
    if ending not in (*TEXTS, VIDEO):
        raise UsageError(f"{out}: overlays are written as {', '.join((*TEXTS, VIDEO))}")
    analysis, overlay = read(lake, name)
    if out.exists() and out.samefile(files.on_disk(overlay.path)):
        raise UsageError(f"{out}: is the recording itself; give another file")
    try:
        if ending == VIDEO:
            _write_video(analysis, overlay, out, on_progress)
        else:
            files.write(out, TEXTS[ending](overlay))
    except OSError as exc:
        raise GfpipeError(f"{out}: cannot be written: {exc}") from exc
    return Summary(analysis.recording, len(overlay.faces))


def read(lake: str, name: str) -> tuple[Stored, Overlay]:
    """The analysis of a recording, and its faces as published; raises as :func:`run`."""
    with warehouse.open(lake) as db:
        row = _found(lake, name, db.query(_RECORDINGS, {"name": name, "path": str(Path(name).absolute())}).to_pylist())
        readings = db.query(_READINGS, {"number": row["recording_number"]}).to_pylist()
    start = in_zone(row["started_at"], row["timezone"])
    recording = Recording(row["path"], row["channel"], row["programme"], start)
    analysis = shards.stored(lake, recording)
    if analysis is None or analysis.provenance.config_digest != row["config_digest"]:
        raise LakeError(f"{row['path']}: was analysed anew since; run: gfpipe publish --lake {lake}")
    width, height = analysis.row["width"], analysis.row["height"]
    return analysis, Overlay(
        recording.recording_id, recording.path, recording.label, width, height, tuple(_faces(lake, analysis, readings))
    )


def _found(lake: str, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    if not rows:
        raise UsageError(f"{lake}: no recording {name!r}; give its recording_id, its path, or the end of its path")
    if len(rows) > 1 and rows[0]["recording_id"] != name:
        paths = ", ".join(row["path"] for row in rows[:3])
        raise UsageError(f"{lake}: {len(rows)} recordings are named {name!r}, such as {paths}; give more of the path")
    if rows[0]["status"] == Status.FAILED:
        raise UsageError(f"{rows[0]['path']}: has no faces, as its analysis failed: {rows[0]['reason']}")
    return rows[0]


def _faces(lake: str, analysis: Stored, readings: list[dict[str, Any]]) -> Iterator[Face]:
    width, height = analysis.row["width"], analysis.row["height"]
    samples = {row["sample_index"]: row for row in shards.rows(lake, analysis, "samples").to_pylist()}
    answers = {(row["sample_index"], row["face_index"]): row for row in readings}
    for row in sorted(
        shards.rows(lake, analysis, "faces").to_pylist(), key=lambda row: (row["sample_index"], row["face_index"])
    ):
        key = row["sample_index"], row["face_index"]
        sample, answer = samples[row["sample_index"]], answers.get(key, {})
        x1, y1, x2, y2 = (
            min(1.0, max(0.0, row[corner] / (height if corner[0] == "y" else width))) for corner in CORNERS
        )
        yield Face(
            *key,
            sample["seconds"],
            sample["seconds"] + sample["step_seconds"],
            (x1, y1, x2, y2),
            answer.get("perceived_gender") or "not counted",
            answer.get("p_female"),
        )


def _write_video(analysis: Stored, overlay: Overlay, out: Path, on_progress: OnProgress) -> None:
    """Write H.264 of every frame, in square pixels and upright, without sound."""
    each = analysis.row["frame_seconds"]
    total = round((analysis.row["analysed_seconds"] + analysis.row["lost_seconds"]) / each)
    times: deque[float] = deque()  # of the frames, each of which is read before its time

    def frames() -> Iterator[NDArray[np.uint8]]:
        size: tuple[int, int] | None = None
        for done, (seconds, pixels) in enumerate(_frames(analysis, each), start=1):
            image = Image.fromarray(pixels)
            size = size or (image.width - image.width % 2, image.height - image.height % 2)
            image = image if image.size == size else image.resize(size)
            _draw(image, at(seconds))
            times.append(seconds)
            yield np.asarray(image)
            on_progress(Progress("frames", done, max(done, total)))

    samples = list(overlay.samples())
    starts = [start for start, _, _ in samples]

    def at(seconds: float) -> list[Face]:
        """The faces of the sample that stands for a time."""
        position = bisect_right(starts, seconds + each / 2) - 1
        return samples[position][2] if position >= 0 and seconds + each / 2 < samples[position][1] else []

    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        rate = Fraction(1 / each).limit_denominator(1001)
        write_video(Path(folder, "overlay.mp4"), frames(), rate, times=iter(times.popleft, None))
        files.put_in_place(Path(folder, "overlay.mp4"), out)


def _frames(analysis: Stored, each: float) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Time and pixels of every frame."""
    for batch in open_video(
        files.on_disk(analysis.recording.path), Sampling.EXACT, each, programme=analysis.provenance.programme
    ):
        for seconds, picture in zip(batch.seconds, batch.pictures, strict=True):
            yield float(seconds), picture.pixels


def _draw(image: Image.Image, faces: list[Face]) -> None:
    draw, size = ImageDraw.Draw(image), max(10, image.height // _LINES)
    font = ImageFont.load_default(size)
    for face in faces:
        colour = f"#{COLOURS[face.perceived_gender]}"
        x1, y1, x2, y2 = (round(part * image.size[side % 2]) for side, part in enumerate(face.box))
        draw.rectangle((x1, y1, x2, y2), outline=colour, width=max(1, size // 10))
        place = (x1, max(0, y1 - round(1.3 * size)))
        draw.rectangle(draw.textbbox(place, face.text, font), fill=colour)
        draw.text(place, face.text, "black", font)
