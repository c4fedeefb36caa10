"""Detects and classifies the faces of a recording, unless the lake has them, and records why one fails.

The process that conducts a run imports this module; only workers import networks and decoders, in :func:`run`.
"""

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gfpipe.attributes import device
from gfpipe.attributes.spec import Attribute
from gfpipe.counting import MIN_STORED_SCORE, Counting
from gfpipe.errors import GfpipeError, RecordingError
from gfpipe.lake import crops, shards
from gfpipe.lake.provenance import Provenance
from gfpipe.models import store
from gfpipe.recording import Recording, Status, Summary
from gfpipe.settings import Analysis, CropRetention


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
    done = shards.finished(lake, recording, provenance, counting.min_score)
    if done is None:
        return None
    needs_crops = retention is not None and retention.again
    if needs_crops and not crops.has(lake, recording, done.provenance.config_digest):
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
    with shards.writer(lake, recording, provenance, source=source) as write:
        write.finish(failed)
    return failed


def _unexpected(error: Exception) -> str:
    """An unexpected error in one line, with the place that raised it, for a report of a bug."""
    *_, place = traceback.extract_tb(error.__traceback__)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"cannot be analysed: {text} ({Path(place.filename).name}, line {place.lineno})"
