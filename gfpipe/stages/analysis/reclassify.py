"""Classifies the stored faces of a recording with another model of perceived gender, without detecting them again.

stored faces + the same frame batches -> shots and tracks -> chips -> p_female -> the same four shards

Predictions of earlier models remain in ``attributes``; screen time uses those of the recording's own classifier. Stored
crops keep their expiry.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gfpipe.choices import Sampling
from gfpipe.errors import LakeError, RecordingError
from gfpipe.faces import stream
from gfpipe.faces.detector import Detections
from gfpipe.lake import crops, schema, shards
from gfpipe.lake.provenance import IMPORTED, Provenance
from gfpipe.lake.schema import VIDEO_COLUMNS
from gfpipe.lake.shards import Stored
from gfpipe.models import store
from gfpipe.recording import Clock, Recording, Status, Summary
from gfpipe.settings import Analysis
from gfpipe.video.frames import FrameBatch, Reader
from gfpipe.video.reader import open_video

_SAME_MOMENT: Final = 1e-3  # seconds
# Columns of faces, after the four keys, that do not depend on the classifier or the tracking method.
_COPIED: Final = frozenset(schema.FACES.names[4:]) - {"track_id"}


def prepare(config: Analysis) -> None:
    """Fetch the new classifier if necessary; raises as `stream.prepare` does."""
    stream.prepare(config)


def finished(recording: Recording, lake: str, config: Analysis) -> Summary | None:
    """The summary of an analysis under the new model; None if there is work to do."""
    analysis = shards.stored(lake, recording)
    return analysis.summary if analysis and analysis.provenance == _target(analysis, config) else None


def run(recording: Recording, lake: str, config: Analysis) -> Summary:
    """Rewrite the shards of an analysed recording as an analysis with ``config.classifier`` would write them.

    Of ``config``, only classifier and device are used. If the file is missing, was replaced or is decoded differently
    now, the summary has the reason, and the lake is not changed. A process killed while the shards are committed leaves
    the recording unfinished: ``gfpipe status`` lists it as missing, and ``gfpipe analyse`` analyses it again.

    Raises:
        LakeError: the lake has no analysis of the recording, or cannot be read or written.
        ModelError: the model is unknown or cannot be fetched.
        TransientError: something outside the recording failed; try again.
    """
    prepare(config)
    analysis = shards.stored(lake, recording)
    if analysis is None or analysis.row["status"] == Status.FAILED:
        raise LakeError(f"{recording.path}: no analysis of it in {lake}; run: gfpipe analyse ARCHIVE --lake {lake}")
    if analysis.provenance.sampling == IMPORTED:
        raise LakeError(
            f"{lake} holds faces that {analysis.provenance.detector_id} found: they cannot be cut out again"
        )
    provenance = _target(analysis, config)
    if analysis.provenance == provenance:
        return analysis.summary
    try:
        return _reclassify(analysis, lake, config, provenance)
    except RecordingError as exc:
        return replace(analysis.summary, status=Status.FAILED, reason=str(exc), reused=False)


def _target(analysis: Stored, config: Analysis) -> Provenance:
    card = store.card(config.classifier)
    return analysis.provenance.under(card.id, card.sha256)


def _reclassify(analysis: Stored, lake: str, config: Analysis, provenance: Provenance) -> Summary:
    stored, clock, track_ids = _StoredFaces(lake, analysis), Clock(), [np.zeros(0, np.int32)]
    classifier, reader = stream.load_classifier(config.classifier, config.device), _same_video(analysis)
    with shards.writer(lake, analysis.recording, provenance) as write:
        for frames, detections, tracks, attributes in stream.classify(reader, stored.detect, classifier, clock):
            with clock("write"):
                faces = {name: stored.batch[name].combine_chunks() for name in _COPIED}
                faces["track_id"] = tracks.stored_track_id
                predictions, index = vars(attributes), detections.frame_index
                write.write(frames.seconds, frames.step_seconds, index, faces, predictions, tracks.shot)
            track_ids.append(tracks.track_id)
        stored.check_complete()
        write.keep(stored.attributes.filter(pc.field("model_id") != provenance.classifier_id))
        old_crops = crops.of(lake, analysis.recording, analysis.provenance.config_digest)
        if old_crops is not None:
            track_id = np.ma.masked_less(np.concatenate(track_ids), 0)[stored.rows_of(old_crops)]
            write.crops(*crops.again(old_crops, track_id))
        summary = replace(analysis.summary, timings=clock.timings, reused=False)
        write.finish(summary, **{column: analysis.row[column] for column in VIDEO_COLUMNS})
    return summary


def _same_video(analysis: Stored) -> Reader:
    """Open the analysed file with the sampling of the analysis."""
    recording, provenance = analysis.recording, analysis.provenance
    reader = open_video(
        recording.path,
        Sampling(provenance.sampling),
        provenance.every_seconds,
        recording.scheduled_seconds,
        programme=provenance.programme,
    )
    if analysis.row["source_fingerprint"] != shards.fingerprint(recording.path):
        raise RecordingError(f"{recording.path}: not the file that was analysed; run gfpipe analyse on its archive")
    return reader


class _StoredFaces:
    """The stored samples and faces of a recording, batch by batch; `batch` has the faces of the last one."""

    def __init__(self, lake: str, analysis: Stored) -> None:
        self._path = analysis.recording.path
        self._seconds = shards.rows(lake, analysis, "samples")["seconds"].to_numpy()
        self._faces = shards.rows(lake, analysis, "faces")
        self._sample = self._faces["sample_index"].to_numpy()
        self._samples_read = 0
        self.attributes = shards.rows(lake, analysis, "attributes")
        self.batch = self._faces.slice(0, 0)

    def detect(self, frames: FrameBatch) -> Detections:
        """The faces of the next batch, in pixels of its frames; raises RecordingError if the frames are others."""
        first, last = self._samples_read, self._samples_read + len(frames)
        seconds = self._seconds[first:last]
        if len(seconds) != len(frames) or not np.allclose(seconds, frames.seconds, rtol=0, atol=_SAME_MOMENT):
            raise self._other_samples()
        self._samples_read = last
        begin, end = np.searchsorted(self._sample, (first, last))
        self.batch = faces = self._faces.slice(begin, end - begin)
        corners: NDArray[np.float32] = np.stack([faces[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
        landmarks = faces["landmarks"].combine_chunks().flatten().to_numpy().reshape(-1, 5, 2)
        return Detections(
            (self._sample[begin:end] - first).astype(np.int64),
            (corners.reshape(-1, 2, 2) / stream.to_source(frames)).reshape(-1, 4),
            landmarks / stream.to_source(frames),
            faces["detector_score"].to_numpy(),
        )

    def check_complete(self) -> None:
        """Raise a RecordingError if frames are missing at the end."""
        if self._samples_read != len(self._seconds):
            raise self._other_samples()

    def rows_of(self, faces: pa.Table) -> NDArray[np.int64]:
        """Indices of some faces among all, by ``sample_index`` and ``face_index``."""
        first = np.searchsorted(self._sample, faces["sample_index"].to_numpy())
        return np.asarray(first + faces["face_index"].to_numpy(), np.int64)

    def _other_samples(self) -> RecordingError:
        return RecordingError(
            f"{self._path}: other frames can be decoded today than when it was analysed; run gfpipe analyse on its "
            "archive"
        )
