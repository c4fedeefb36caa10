"""Find and read the faces of one recording.

recording -> frame batches -> detections -> shots and tracks -> chips -> p_female -> four shards

Where a site asked for it, crops of some faces go into a fifth (:mod:`gfpipe.faces.crops`); else no picture is kept.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes import classifier as classifiers
from gfpipe.attributes.classifier import Attributes, Classifier
from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import Attribute
from gfpipe.choices import Sampling
from gfpipe.counting import MIN_STORED_SCORE, Counting
from gfpipe.errors import RecordingError, UsageError
from gfpipe.faces import detector as detectors
from gfpipe.faces.alignment import chips_for
from gfpipe.faces.crops import CropSampler
from gfpipe.faces.detector import Detections, Detector
from gfpipe.faces.tracks import Tracker, Tracks
from gfpipe.lake import crops, shards
from gfpipe.lake.provenance import Provenance
from gfpipe.lake.shards import ShardWriter
from gfpipe.models import store
from gfpipe.recording import REFERENCE_LINES, Clock, Recording, Status, Summary, Timings
from gfpipe.settings import Analysis, CropRetention
from gfpipe.video.frames import FrameBatch, LostRange, Reader
from gfpipe.video.reader import open_video


def prepare(config: Analysis) -> Provenance:
    """Have both models in the models folder, and say how rows of this configuration come about.

    Raises:
        ModelError: a model is unknown, cannot be fetched, or is not what it should be.
        UsageError: a device that this machine does not have, or a classifier of something else.
    """
    resolve_device(config.device)
    detector, classifier = store.card(config.detector), store.card(config.classifier)
    if all(head.attribute is not Attribute.PERCEIVED_GENDER for head in classifier.heads):
        raise UsageError(f"{classifier.id} is a model for {classifier.task}; choose one for perceived gender")
    return Provenance.of(
        sampling=config.sampling,
        every_seconds=config.every_seconds,
        min_score=MIN_STORED_SCORE,
        detector_id=detector.id,
        detector_sha256=detector.sha256,
        classifier_id=classifier.id,
        classifier_sha256=classifier.sha256,
    )


def finished(
    recording: Recording,
    lake: str,
    provenance: Provenance,
    retention: CropRetention | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
) -> Summary | None:
    """What an earlier run made of the recording under the same configuration; None if there is work to do.

    Crops that are asked for and are not there, or have expired, are work too, where ``retention.again`` says so.
    """
    done = shards.finished(lake, recording, provenance.config_digest, counting.min_score)
    if done and retention and retention.again and not crops.has(lake, recording, provenance.config_digest):
        return None
    return done


def run(
    recording: Recording,
    lake: str,
    config: Analysis,
    retention: CropRetention | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
) -> Summary:
    """Write the shards of one recording; finished shards are never written twice.

    What is wrong with the file itself ends in the summary and in the lake, not in an exception.

    Args:
        recording: the file.
        lake: where the shards go.
        config: how it is analysed.
        counting: which faces count and can be crops; a shard that does not store all of them is written again.
        retention: which crops of faces are kept; None for none. Those that an earlier run left go with its rows.

    Raises:
        LakeError: the lake cannot be written (a full disk).
        ModelError: a model cannot be had.
        TransientError: something outside the recording failed; try again.
    """
    provenance = prepare(config)
    if done := finished(recording, lake, provenance, retention, counting):
        return done
    try:
        return _analyse(recording, lake, config, provenance, retention, counting)
    except RecordingError as exc:
        failed = Summary(recording, Status.FAILED, reason=str(exc), lost_seconds=recording.scheduled_seconds or 0.0)
        with shards.writer(lake, recording, provenance) as write:
            write.finish(failed)
        return failed


def _analyse(
    recording: Recording,
    lake: str,
    config: Analysis,
    provenance: Provenance,
    retention: CropRetention | None,
    counting: Counting,
) -> Summary:
    detector, classifier = _models(config.detector, config.classifier, config.device)
    clock, tracker = Clock(), Tracker()
    sampler = CropSampler(retention, recording) if retention else None
    reader = open_video(recording.path, Sampling(config.sampling), config.every_seconds, recording.scheduled_seconds)
    with shards.writer(lake, recording, provenance) as write:
        for frames in clock.each("decode", reader):
            with clock("detect"):
                detections = detector(frames.pixels)
                tracks = tracker(frames, detections)
            with clock("chips"):
                chips = chips_for(
                    classifier.spec.input,
                    frames.pixels,
                    detections.frame_index,
                    detections.landmarks,
                    detections.boxes,
                    classifier.device,
                )
            with clock("classify"):
                attributes = classifier(chips)
            with clock("write"):
                if sampler:
                    counts = (
                        (_height_360(frames, detections) >= counting.min_face)
                        & (detections.scores >= np.float32(counting.min_score))
                        & (tracks.track_id >= 0)
                    )
                    sampler(frames, detections, tracks, counts, write.samples)
                _write(write, frames, detections, tracks, attributes)
        if sampler:
            kept = [vars(crop) for crop in sampler.selected(write.analysed_seconds)]
            write.crops(*crops.columns(kept, datetime.now(UTC), sampler.retention.term))
        summary = _summary(recording, reader, write, clock.timings)
        write.finish(summary, **_facts(reader))
    return summary


@lru_cache(maxsize=2)
def _models(detector: str, classifier: str, device: str) -> tuple[Detector, Classifier]:
    """Both models, kept loaded for as long as the worker lives."""
    where = resolve_device(device)
    stored = store.open_model(classifier)
    return (
        detectors.load(store.open_model(detector), where.type, MIN_STORED_SCORE),
        classifiers.load(stored.card.classifier, stored.weights, where),
    )


def _write(
    write: ShardWriter,
    frames: FrameBatch,
    detections: Detections,
    tracks: Tracks,
    attributes: Attributes,
) -> None:
    _, height, width, _ = frames.pixels.shape
    to_source = np.array([frames.source_width / width, frames.source_height / height], np.float32)
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
    answers = {"p_female": attributes.p_female, "age_years": attributes.age_years}
    write.write(frames.seconds, frames.step_seconds, detections.frame_index, faces, answers, tracks.shot)


def _height_360(frames: FrameBatch, detections: Detections) -> NDArray[np.float32]:
    """(F,) how high faces would be if their frames had 360 lines."""
    height: NDArray[np.float32] = detections.boxes[:, 3] - detections.boxes[:, 1]
    return height * np.float32(REFERENCE_LINES / frames.pixels.shape[1])


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
        reason=_what_was_lost(reader.lost, lost) if reader.lost else None,
        timings=timings,
    )


def _what_was_lost(ranges: tuple[LostRange, ...], seconds: float) -> str:
    first = ", ".join(f"{gap.start_seconds:.1f}–{gap.end_seconds:.1f} s" for gap in ranges[:3])
    more = f" and {len(ranges) - 3} more" if len(ranges) > 3 else ""
    return f"{seconds:.1f} s lost ({first}{more}): the file is damaged or cut short there; copy it anew if you can"


def _facts(reader: Reader) -> dict[str, Any]:
    info = reader.info
    return {
        "lost_ranges": [asdict(gap) for gap in reader.lost],
        "width": info.width,
        "height": info.height,
        "frame_seconds": info.frame_seconds,
        "codec": info.codec,
        "container": info.container,
    }
