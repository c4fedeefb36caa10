"""Analysis of a recording, from its frames to its shards.

recording -> frame batches -> detections -> shots and tracks -> chips -> p_female -> four shards

If crops are configured (:mod:`gfpipe.faces.crops`), a fifth shard contains some; else no picture is stored.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.device import resolve_device
from gfpipe.choices import Sampling
from gfpipe.counting import MIN_STORED_SCORE, Counting
from gfpipe.faces import detector as detectors
from gfpipe.faces import stream
from gfpipe.faces.crops import CropSampler
from gfpipe.faces.detector import Detections, Detector
from gfpipe.faces.stream import ClassifiedBatch
from gfpipe.lake import crops, shards
from gfpipe.lake.provenance import Provenance
from gfpipe.lake.shards import ShardWriter
from gfpipe.models import store
from gfpipe.recording import REFERENCE_LINES, Clock, Recording, Status, Summary, Timings
from gfpipe.settings import Analysis, CropRetention
from gfpipe.video.frames import FrameBatch, Loss, LostRange, Reader
from gfpipe.video.reader import open_video


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
    detector = _detector(config.detector, config.device)
    classifier, clock = stream.load_classifier(config.classifier, config.device), Clock()
    sampler = CropSampler(retention, recording) if retention else None
    reader = open_video(
        recording.path,
        Sampling(config.sampling),
        config.every_seconds,
        recording.scheduled_seconds,
        decoder=config.decoder,
        programme=config.programme,
    )
    with shards.writer(lake, recording, provenance) as write:
        for batch in stream.classify(reader, detector.in_frames, classifier, clock):
            with clock("write"):
                frames, detections, tracks, _ = batch
                if sampler:
                    counts = (
                        (_height_360(frames, detections) >= counting.min_face)
                        & (detections.scores >= np.float32(counting.min_score))
                        & (tracks.track_id >= 0)
                    )
                    sampler(frames, detections, tracks, counts, write.samples)
                _write(write, batch)
        if sampler:
            selected = [vars(crop) for crop in sampler.selected(write.analysed_seconds)]
            write.crops(*crops.columns(selected, datetime.now(UTC), sampler.retention.term))
        summary = _summary(recording, reader, write, clock.timings)
        write.finish(summary, **_facts(reader))
    return summary


@lru_cache(maxsize=2)
def _detector(model: str, device: str) -> Detector:
    return detectors.load(store.open_model(model), resolve_device(device).type, MIN_STORED_SCORE)


def _write(write: ShardWriter, batch: ClassifiedBatch) -> None:
    frames, detections, tracks, attributes = batch
    to_source = stream.to_source(frames)
    boxes = detections.boxes.reshape(-1, 2, 2)
    x1, y1, x2, y2 = (boxes * to_source).reshape(-1, 4).T
    faces = {
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "landmarks": (detections.landmarks * to_source).reshape(-1, 10),
        "detector_score": detections.scores,
        "height_360": _height_360(frames, detections),
        "track_id": tracks.stored_track_id,
    }
    write.write(frames.seconds, frames.step_seconds, detections.frame_index, faces, vars(attributes), tracks.shot)


def _height_360(frames: FrameBatch, detections: Detections) -> NDArray[np.float32]:
    """(F,) height of faces in frames scaled to 360 lines."""
    height: NDArray[np.float32] = detections.boxes[:, 3] - detections.boxes[:, 1]
    return height * np.float32(REFERENCE_LINES / frames.size[1])


def _summary(recording: Recording, reader: Reader, write: ShardWriter, timings: Timings) -> Summary:
    lost = sum(gap.end_seconds - gap.start_seconds for gap in reader.lost)
    return Summary(
        recording,
        Status.PARTIAL if reader.lost else Status.DONE,
        duration_seconds=reader.info.duration_seconds,
        analysed_seconds=write.analysed_seconds,
        lost_seconds=lost,
        samples=write.samples,
        faces=write.faces,
        reason=_loss(reader.lost, lost) if reader.lost else None,
        note="; ".join(reader.notes) or None,
        timings=timings,
    )


def _loss(ranges: tuple[LostRange, ...], seconds: float) -> str:
    first = ", ".join(f"{gap.start_seconds:.1f}–{gap.end_seconds:.1f} s" for gap in ranges[:3])
    more = f" and {len(ranges) - 3} more" if len(ranges) > 3 else ""
    scrambled = sum(gap.reason is Loss.SCRAMBLED for gap in ranges)
    damaged = "the file is damaged or cut short there; copy it again if you can"
    why = [*(["scrambled (encrypted) there"] if scrambled else []), *([damaged] if scrambled < len(ranges) else [])]
    return f"{seconds:.1f} s lost ({first}{more}): {'; elsewhere '.join(why)}"


def _facts(reader: Reader) -> dict[str, Any]:
    info = reader.info
    return {
        "lost_ranges": [{"start_seconds": gap.start_seconds, "end_seconds": gap.end_seconds} for gap in reader.lost],
        "width": info.width,
        "height": info.height,
        "frame_seconds": info.frame_seconds,
        "codec": info.codec,
        "container": info.container,
    }
