"""Analysis of a recording, from its frames to its shards.

recording -> frame batches -> detections -> chips -> p_female -> shots and tracks -> four shards

If crops are configured (:mod:`gfpipe.faces.crops`), a fifth shard contains some; else no picture is stored.
Everything up to `p_female` can be done in segments side by side: :func:`part` and :func:`join`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np

from gfpipe.attributes.device import resolve_device
from gfpipe.base import regular
from gfpipe.choices import Device, Sampling
from gfpipe.counting import MIN_STORED_SCORE, Counting
from gfpipe.faces import detector as detectors
from gfpipe.faces import stream
from gfpipe.faces.crops import CropSampler
from gfpipe.faces.detector import Detector
from gfpipe.faces.stream import Findings
from gfpipe.faces.tracks import Tracker, Tracks
from gfpipe.lake import crops, shards
from gfpipe.lake.provenance import Provenance
from gfpipe.lake.shards import ShardWriter
from gfpipe.models import store
from gfpipe.recording import WHOLE, Clock, Recording, Segment, Status, Summary, Timings
from gfpipe.settings import Analysis, CropRetention
from gfpipe.video.frames import FrameBatch, Loss, LostRange, Reader
from gfpipe.video.reader import open_video
from gfpipe.video.segments import Reading, joined


@dataclass(frozen=True)
class Part:
    """What a segment of a recording shows.

    Attributes:
        source: size and fingerprint of the file when it was opened.
    """

    source: Mapping[str, Any]
    reading: Reading
    findings: tuple[Findings, ...]
    timings: Timings


def run(
    recording: Recording,
    lake: str,
    config: Analysis,
    provenance: Provenance,
    retention: CropRetention | None,
    counting: Counting,
) -> Summary:
    """Write the shards of a recording.

    Args:
        recording: the file.
        lake: folder or URL of the shards.
        config: sampling and models.
        provenance: of the rows.
        retention: which crops to store; None for none.
        counting: which faces can be crops.

    Raises:
        RecordingError: the file cannot be read.
        LakeError: the lake cannot be written.
        ModelError: a model is damaged.
    """
    clock, tracker, reader = Clock(), Tracker(), _open(recording, config)
    sampler = CropSampler(retention, recording) if retention else None
    with shards.writer(lake, recording, provenance) as write:
        for frames, found in _findings(reader, config, clock):
            with clock("write"):
                tracks = tracker(found.samples, found.detections)
                if sampler:
                    counts = (
                        (found.height_360 >= counting.min_face)
                        & (found.detections.scores >= np.float32(counting.min_score))
                        & (tracks.track_id >= 0)
                    )
                    sampler(frames, found.detections, tracks, counts, write.samples)
                _write(write, found, tracks)
        if sampler:
            selected = [vars(crop) for crop in sampler.selected(write.analysed_seconds)]
            write.crops(*crops.columns(selected, datetime.now(UTC), sampler.retention.term))
        return _finish(write, recording, Reading.of(reader), clock.timings)


def part(recording: Recording, config: Analysis, segment: Segment) -> Part:
    """Analyse a segment of a recording; raises as :func:`run` does."""
    clock, source, reader = Clock(), regular.source(recording.path), _open(recording, config, segment)
    findings = tuple(found for _, found in _findings(reader, config, clock))
    return Part(source, Reading.of(reader), findings, clock.timings)


def join(recording: Recording, lake: str, provenance: Provenance, parts: Sequence[Part]) -> Summary | None:
    """Write the shards of a recording from all its segments; None if it has to be analysed as a whole.

    Raises:
        LakeError: the lake cannot be written.
    """
    reading, source = joined([each.reading for each in parts]), parts[0].source
    if reading is None or any(each.source != source for each in parts):
        return None
    clock, tracker = Clock(Timings(*map(sum, zip(*(astuple(each.timings) for each in parts), strict=True)))), Tracker()
    with shards.writer(lake, recording, provenance, source=source) as write:
        with clock("write"):
            for found in (found for each in parts for found in each.findings):
                _write(write, found, tracker(found.samples, found.detections))
        return _finish(write, recording, reading, clock.timings)


def _open(recording: Recording, config: Analysis, segment: Segment = WHOLE) -> Reader:
    return open_video(
        recording.path,
        Sampling(config.sampling),
        config.every_seconds,
        recording.scheduled_seconds,
        decoder=config.decoder,
        programme=config.programme,
        segment=segment,
    )


def _findings(reader: Reader, config: Analysis, clock: Clock) -> Iterator[tuple[FrameBatch, Findings]]:
    detector = _detector(config.detector, config.device)
    return stream.classify(reader, detector.in_frames, stream.load_classifier(config.classifier, config.device), clock)


@lru_cache(maxsize=2)
def _detector(model: str, device: str) -> Detector:
    place = device if device == Device.OPENVINO else resolve_device(device).type
    return detectors.load(store.open_model(model), place, MIN_STORED_SCORE)


def _write(write: ShardWriter, found: Findings, tracks: Tracks) -> None:
    samples, detections, to_source = found.samples, found.detections, found.to_source
    boxes = detections.boxes.reshape(-1, 2, 2)
    x1, y1, x2, y2 = (boxes * to_source).reshape(-1, 4).T
    faces = {
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "landmarks": (detections.landmarks * to_source).reshape(-1, 10),
        "detector_score": detections.scores,
        "height_360": found.height_360,
        "track_id": tracks.stored_track_id,
    }
    predictions, index = vars(found.attributes), detections.frame_index
    write.write(samples.seconds, samples.step_seconds, index, faces, predictions, tracks.shot)


def _finish(write: ShardWriter, recording: Recording, reading: Reading, timings: Timings) -> Summary:
    summary = _summary(recording, reading, write, timings)
    write.finish(summary, **_facts(reading))
    return summary


def _summary(recording: Recording, reading: Reading, write: ShardWriter, timings: Timings) -> Summary:
    lost = sum(gap.end_seconds - gap.start_seconds for gap in reading.lost)
    return Summary(
        recording,
        Status.PARTIAL if reading.lost else Status.DONE,
        duration_seconds=reading.info.duration_seconds,
        analysed_seconds=write.analysed_seconds,
        lost_seconds=lost,
        samples=write.samples,
        faces=write.faces,
        reason=_loss(reading.lost, lost) if reading.lost else None,
        note="; ".join(reading.notes) or None,
        timings=timings,
    )


def _loss(ranges: tuple[LostRange, ...], seconds: float) -> str:
    first = ", ".join(f"{gap.start_seconds:.1f}–{gap.end_seconds:.1f} s" for gap in ranges[:3])
    more = f" and {len(ranges) - 3} more" if len(ranges) > 3 else ""
    scrambled = sum(gap.reason is Loss.SCRAMBLED for gap in ranges)
    damaged = "the file is damaged or cut short there; copy it again if you can"
    why = [*(["scrambled (encrypted) there"] if scrambled else []), *([damaged] if scrambled < len(ranges) else [])]
    return f"{seconds:.1f} s lost ({first}{more}): {'; elsewhere '.join(why)}"


def _facts(reading: Reading) -> dict[str, Any]:
    info = reading.info
    return {
        "lost_ranges": [{"start_seconds": gap.start_seconds, "end_seconds": gap.end_seconds} for gap in reading.lost],
        "width": info.width,
        "height": info.height,
        "frame_seconds": info.frame_seconds,
        "codec": info.codec,
        "container": info.container,
    }
