"""Detects and classifies the faces of a recording, unless the lake has them, and records why one fails.

The process that conducts a run imports this module; only workers import networks and decoders, in :func:`run`.
"""

import pickle
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final

from gfpipe.attributes import device
from gfpipe.attributes.spec import Attribute
from gfpipe.base import regular
from gfpipe.choices import Decoder
from gfpipe.counting import MIN_STORED_SCORE, Counting
from gfpipe.errors import GfpipeError, RecordingError
from gfpipe.lake import crops, shards
from gfpipe.lake.index import earlier as index
from gfpipe.lake.provenance import Provenance
from gfpipe.lake.shards import Stored
from gfpipe.models import store
from gfpipe.nights import failures
from gfpipe.recording import Recording, Segment, Status, Summary
from gfpipe.settings import Analysis, CropRetention

SEGMENT_BYTES: Final = 16 << 20  # least; reading what precedes it takes a fraction of its analysis


def prepare(config: Analysis) -> Provenance:
    """Check the device, fetch and verify both models, and return the provenance of the rows.

    Raises:
        ModelError: a model is unknown, cannot be fetched, or is damaged.
        UsageError: this machine lacks the device, or the model does not classify perceived gender.
    """
    device.choose(config.device)
    classifier = store.verified(config.classifier).require(Attribute.PERCEIVED_GENDER)
    detector = store.verified(config.detector)
    return Provenance.of(
        sampling=config.sampling,
        every_seconds=config.every_seconds,
        min_score=MIN_STORED_SCORE,
        detector_id=detector.id,
        detector_sha256=detector.sha256,
        classifier_id=classifier.id,
        classifier_sha256=classifier.sha256,
        programme=config.programme,
    )


def finished(
    recording: Recording,
    lake: str,
    provenance: Provenance,
    retention: CropRetention | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
) -> Summary | None:
    """The summary of an earlier run that found the same faces, with any classifier; None if there is work to do.

    With ``retention.again``, missing or expired crops are work.
    """
    return _summary(shards.finished(lake, recording, provenance, counting.min_score), lake, retention)


def earlier(
    recordings: Sequence[Recording],
    lake: str,
    provenance: Provenance,
    retention: CropRetention | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
    *,
    retry_failed: bool = False,
) -> Iterator[Summary | None]:
    """As :func:`finished` for many recordings, by the index of the lake: files that have not changed are not read.

    A recording that failed has its summary too, until its file has changed or it is due again
    (:mod:`gfpipe.nights.failures`), or with ``retry_failed``.

    Raises:
        LakeError: the lake cannot be read, or its index not written.
    """
    postponed = failures.postponement(lake)
    for done in index.finished(lake, recordings, provenance, counting.min_score):
        if done and done.summary.status is Status.FAILED:
            yield None if retry_failed or not postponed(done) else done.summary
        else:
            yield _summary(done, lake, retention)


def _summary(done: Stored | None, lake: str, retention: CropRetention | None) -> Summary | None:
    if done is None:
        return None
    needs_crops = retention is not None and retention.again
    if needs_crops and not crops.has(lake, done.recording, done.provenance.config_digest):
        return None
    return done.summary


def run(
    recording: Recording,
    lake: str,
    config: Analysis,
    retention: CropRetention | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
) -> Summary:
    """Write the shards of a recording, unless they are finished.

    Problems of the file are recorded in the summary and in the lake, not raised; so is whatever libraries raise.

    Args:
        recording: the file.
        lake: folder or URL of the shards.
        config: sampling and models.
        counting: which faces count and can be crops; a shard that does not store all of them is written again.
        retention: which crops to store; None for none. Crops of earlier runs are removed with their rows.

    Raises:
        LakeError: the lake cannot be written.
        ModelError: a model is unknown or cannot be fetched.
        TransientError: something outside the recording failed; try again.
    """
    provenance = prepare(config)
    if done := finished(recording, lake, provenance, retention, counting):
        return done
    from gfpipe.faces import analysis  # noqa: PLC0415 - imports torch, in workers only

    try:
        return analysis.run(recording, lake, config, provenance, retention, counting)
    except RecordingError as exc:
        return _fail(recording, lake, provenance, str(exc))
    except (GfpipeError, ConnectionError, TimeoutError):
        raise  # not due to the recording
    except Exception as exc:  # noqa: BLE001 - decoders raise anything on damaged files
        return _fail(recording, lake, provenance, f"{recording.path}: {_unexpected(exc)}")


def run_in(
    pool: Executor,
    recording: Recording,
    workers: int,
    lake: str,
    config: Analysis,
    retention: CropRetention | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
) -> Summary:
    """Have up to so many ``workers`` of a pool do what :func:`run` does with the other arguments.

    Each analyses a segment of the file, and one joins what they found. The recording stays whole if crops are stored,
    if decord decodes it, or if the segments turn out not to be its sum (:func:`gfpipe.video.segments.joined`).

    Raises:
        WorkerError: the work ended its worker, or made no progress.
        LakeError, ModelError, TransientError: as :func:`run`.
    """
    count = 1 if retention or config.decoder is Decoder.DECORD else workers
    if len(segments := _segments(recording, count)) > 1:
        calls = [pool.submit(part, recording, config, segment) for segment in segments]
        parts = [found for call in calls if (found := call.result())]
        if len(parts) == len(calls) and (summary := pool.submit(join, recording, lake, config, parts).result()):
            joined: Summary = summary
            return joined
    return pool.submit(run, recording, lake, config, retention, counting).result()


def _segments(recording: Recording, count: int) -> list[Segment]:
    """At most so many consecutive segments of a recording."""
    size = regular.size(recording.path) or 0
    bounds = range(0, max(size, 1), max(SEGMENT_BYTES, -(-size // count)))
    return [Segment(begin, end) for begin, end in zip(bounds, [*bounds[1:], None], strict=True)]


def part(recording: Recording, config: Analysis, segment: Segment) -> bytes | None:
    """What a segment of a recording shows, for :func:`join`; None if the file has a problem, which :func:`run` records.

    Raises:
        ModelError: a model is unknown or cannot be fetched.
        TransientError: something outside the recording failed; try again.
    """
    from gfpipe.faces import analysis  # noqa: PLC0415 - imports torch, in workers only

    prepare(config)
    try:
        return pickle.dumps(analysis.part(recording, config, segment))  # read by a worker: its types import torch
    except RecordingError:
        return None
    except (GfpipeError, ConnectionError, TimeoutError):
        raise
    except Exception:  # noqa: BLE001 - decoders raise anything on damaged files
        return None


def join(recording: Recording, lake: str, config: Analysis, parts: Sequence[bytes]) -> Summary | None:
    """Write the shards of a recording from its parts; None if it has to be analysed as a whole.

    Raises:
        LakeError: the lake cannot be written.
    """
    from gfpipe.faces import analysis  # noqa: PLC0415

    return analysis.join(recording, lake, prepare(config), [pickle.loads(each) for each in parts])  # noqa: S301 - own


def fail(recording: Recording, reason: str, lake: str, provenance: Provenance) -> Summary:
    """Record that an analysis failed outside :func:`run`, as with its worker; an earlier analysis is kept.

    The file is not opened: its storage may not respond.

    Raises:
        LakeError: the lake cannot be written.
    """
    earlier = shards.stored(lake, recording)
    if earlier is not None and earlier.row["status"] != Status.FAILED:
        return Summary(recording, Status.FAILED, reason=reason)
    return _fail(recording, lake, provenance, reason, shards.UNREAD)


def _fail(
    recording: Recording, lake: str, provenance: Provenance, reason: str, source: Mapping[str, Any] | None = None
) -> Summary:
    failed = Summary(recording, Status.FAILED, reason=reason, lost_seconds=recording.scheduled_seconds or 0.0)
    source = source or regular.source(recording.path)
    history = failures.history(shards.stored(lake, recording), source["source_fingerprint"])
    with shards.writer(lake, recording, provenance, source=source) as write:
        write.finish(failed, **history)
    return failed


def _unexpected(error: Exception) -> str:
    """An unexpected error in one line, with the place that raised it, for a report of a bug."""
    *_, place = traceback.extract_tb(error.__traceback__)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"cannot be analysed: {text} ({Path(place.filename).name}, line {place.lineno})"
