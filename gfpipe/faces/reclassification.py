"""Classification of the stored faces of a recording with another model.

stored faces + the same frame batches -> shots and tracks -> chips -> p_female -> the same four shards

Predictions of earlier models remain in ``attributes``; screen time uses those of the recording's own classifier. If the
model is one of them, nothing is decoded. Stored crops keep their expiry.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gfpipe.base import regular
from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.faces import stream
from gfpipe.faces.detector import Detections
from gfpipe.faces.tracks import Tracker
from gfpipe.lake import crops, schema, shards
from gfpipe.lake.provenance import Provenance
from gfpipe.lake.schema import VIDEO_COLUMNS
from gfpipe.lake.shards import Stored
from gfpipe.recording import Clock, Summary, Timings
from gfpipe.settings import Analysis
from gfpipe.video.frames import FrameBatch, Reader
from gfpipe.video.reader import open_video

_SAME_MOMENT: Final = 1e-3  # seconds
# Columns of faces, after the four keys, that do not depend on the classifier or the tracking method.
_COPIED: Final = frozenset(schema.FACES.names[4:]) - {"track_id"}


def run(analysis: Stored, lake: str, config: Analysis, provenance: Provenance) -> Summary:
    """Rewrite the shards of an analysis as one with ``config.classifier``, of which `provenance` is, would write them.

    Raises:
        RecordingError: the file is missing, was replaced, or is decoded differently now.
        LakeError: the lake cannot be read or written.
    """
    known = analysis.earlier.get(provenance.classifier_id) == provenance.classifier_sha256
    if known and analysis.provenance.same_faces(provenance):
        return _choose(analysis, lake, provenance)
    stored, clock, track_ids = _StoredFaces(lake, analysis), Clock(), [np.zeros(0, np.int32)]
    classifier, reader = stream.load_classifier(config.classifier, config.device), _same_video(analysis)
    tracker = Tracker()
    with shards.writer(lake, analysis.recording, provenance, earlier=_others(analysis, provenance)) as write:
        for _, found in stream.classify(reader, stored.detect, classifier, clock):
            with clock("write"):
                samples, tracks = found.samples, tracker(found.samples, found.detections)
                faces = {name: stored.batch[name].combine_chunks() for name in _COPIED}
                faces["track_id"] = tracks.stored_track_id
                predictions, index = vars(found.attributes), found.detections.frame_index
                write.write(samples.seconds, samples.step_seconds, index, faces, predictions, tracks.shot)
            track_ids.append(tracks.track_id)
        stored.check_complete()
        write.keep("attributes", stored.attributes.filter(pc.field("model_id") != provenance.classifier_id))
        old_crops = crops.of(lake, analysis.recording, analysis.provenance.config_digest)
        if old_crops is not None:
            track_id = np.ma.masked_less(np.concatenate(track_ids), 0)[stored.rows_of(old_crops)]
            write.crops(*crops.again(old_crops, track_id))
        summary = replace(analysis.summary, timings=clock.timings, reused=False)
        write.finish(summary, **{column: analysis.row[column] for column in VIDEO_COLUMNS})
    return summary


def _choose(analysis: Stored, lake: str, provenance: Provenance) -> Summary:
    """Make an earlier model, whose predictions are stored, that of the recording; the file may be missing."""
    source = {column: analysis.row[column] for column in shards.UNREAD}
    with shards.writer(
        lake, analysis.recording, provenance, source=source, earlier=_others(analysis, provenance)
    ) as write:
        for table in shards.ROW_TABLES:
            write.keep(table, shards.rows(lake, analysis, table))
        old_crops = crops.of(lake, analysis.recording, analysis.provenance.config_digest)
        if old_crops is not None:
            write.crops(*crops.again(old_crops, old_crops["track_id"].combine_chunks()))
        summary = replace(analysis.summary, timings=Timings(), reused=False)
        write.finish(summary, **{column: analysis.row[column] for column in VIDEO_COLUMNS})
    return summary


def _others(analysis: Stored, provenance: Provenance) -> dict[str, str]:
    """The models of an analysis, without that of `provenance`."""
    return {name: sha256 for name, sha256 in analysis.models.items() if name != provenance.classifier_id}


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
    if analysis.row["source_fingerprint"] != regular.fingerprint(recording.path):
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
        to_source = stream.to_source(frames.size, frames.source_size)
        return Detections(
            (self._sample[begin:end] - first).astype(np.int64),
            (corners.reshape(-1, 2, 2) / to_source).reshape(-1, 4),
            landmarks / to_source,
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
