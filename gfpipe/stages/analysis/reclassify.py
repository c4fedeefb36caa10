"""Read the faces of one recording again, under another model of perceived gender: nothing is detected anew.

stored faces + the same frame batches -> shots and tracks -> chips -> p_female -> the same four shards

What the old model said is kept beside what the new one says; screen time follows the recording's own classifier.
Crops that were kept stay until the day on which they were to go: they show the same faces.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gfpipe.attributes import classifier as classifiers
from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import Attribute
from gfpipe.choices import Sampling
from gfpipe.errors import LakeError, RecordingError, UsageError
from gfpipe.faces.alignment import chips_for
from gfpipe.faces.detector import Detections
from gfpipe.faces.tracks import Tracker
from gfpipe.lake import crops, shards
from gfpipe.lake.provenance import IMPORTED, Provenance
from gfpipe.lake.shards import Stored
from gfpipe.models import store
from gfpipe.recording import Clock, Recording, Status, Summary
from gfpipe.settings import Analysis
from gfpipe.video.frames import FrameBatch, Reader
from gfpipe.video.reader import open_video

_SAME_MOMENT: Final = 1e-3  # seconds
# Columns of faces that are copied as they are.
_KEPT: Final = ("x1", "y1", "x2", "y2", "landmarks", "detector_score", "height_360")
_FACTS: Final = ("lost_ranges", "width", "height", "frame_seconds", "codec", "container")


def prepare(config: Analysis) -> None:
    """Have the new classifier in the models folder.

    Raises:
        ModelError: it is unknown, cannot be fetched, or is not what it should be.
        UsageError: a device that this machine does not have, or a classifier of something else.
    """
    resolve_device(config.device)
    card = store.card(config.classifier)
    if all(head.attribute is not Attribute.PERCEIVED_GENDER for head in card.heads):
        raise UsageError(f"{card.id} is a model for {card.task}; choose one for perceived gender")


def finished(recording: Recording, lake: str, config: Analysis) -> Summary | None:
    """What the lake says of a recording that is under the new model already; None if there is work to do."""
    found = shards.stored(lake, recording)
    done = found is not None and found.provenance == _wanted(found, config)
    return found.summary if found and done else None


def run(recording: Recording, lake: str, config: Analysis) -> Summary:
    """Write the shards of one analysed recording anew, with the answers of ``config.classifier``.

    Sampling, step and faces are the lake's own; of ``config`` only the classifier and the device count. In the end
    the lake says what a new analysis with that classifier would have said. If the file is gone, is another by now or
    cannot be decoded as it was, that is said in the summary, and the lake keeps what it has. A kill while the shards
    take their places leaves the recording unfinished, as it leaves an analysis: ``gfpipe status`` calls it missing,
    and ``gfpipe analyse`` does it again.

    Raises:
        LakeError: the lake has no analysis of the recording, or cannot be read or written.
        ModelError: the model cannot be had.
        TransientError: something outside the recording failed; try again.
    """
    prepare(config)
    found = shards.stored(lake, recording)
    if found is None or found.row["status"] == Status.FAILED:
        raise LakeError(f"{recording.path}: no analysis of it in {lake}; run: gfpipe analyse ARCHIVE --lake {lake}")
    if found.provenance.sampling == IMPORTED:
        raise LakeError(f"{lake} holds faces that {found.provenance.detector_id} found: they cannot be cut out again")
    provenance = _wanted(found, config)
    if found.provenance == provenance:
        return found.summary
    try:
        return _reclassify(found, lake, config, provenance)
    except RecordingError as exc:
        return replace(found.summary, status=Status.FAILED, reason=str(exc), reused=False)


def _wanted(found: Stored, config: Analysis) -> Provenance:
    card = store.card(config.classifier)
    return found.provenance.under(card.id, card.sha256)


def _reclassify(found: Stored, lake: str, config: Analysis, provenance: Provenance) -> Summary:
    classifier, stored = _classifier(config.classifier, config.device), _StoredFaces(lake, found)
    clock, tracker, track_ids = Clock(), Tracker(), [np.zeros(0, np.int32)]
    reader = _same_video(found)
    with shards.writer(lake, found.recording, provenance) as write:
        for frames in clock.each("decode", reader):
            faces = stored.faces_of(frames)
            detections = _detections(faces, frames)
            with clock("detect"):
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
                columns = {name: faces[name].combine_chunks() for name in _KEPT} | {"track_id": tracks.stored_track_id}
                answers = {"p_female": attributes.p_female, "age_years": attributes.age_years}
                write.write(frames.seconds, frames.step_seconds, detections.frame_index, columns, answers, tracks.shot)
            track_ids.append(tracks.track_id)
        stored.check_all_were_seen()
        write.keep(stored.answers_but_of(provenance.classifier_id))
        kept = crops.of(lake, found.recording, found.provenance.config_digest)
        if kept is not None:
            write.crops(*crops.again(kept, np.ma.masked_less(np.concatenate(track_ids), 0)[stored.places(kept)]))
        summary = replace(found.summary, timings=clock.timings, reused=False)
        write.finish(summary, **{fact: found.row[fact] for fact in _FACTS})
    return summary


@lru_cache(maxsize=2)
def _classifier(classifier: str, device: str) -> Classifier:
    """Kept loaded for as long as the worker lives."""
    stored = store.open_model(classifier)
    return classifiers.load(stored.card.classifier, stored.weights, resolve_device(device))


def _same_video(found: Stored) -> Reader:
    """The reader of the analysis, on the very file that was analysed."""
    recording, provenance = found.recording, found.provenance
    sampling = Sampling(provenance.sampling)
    reader = open_video(recording.path, sampling, provenance.every_seconds, recording.scheduled_seconds)
    if found.row["source_fingerprint"] != shards.fingerprint(recording.path):
        raise RecordingError(f"{recording.path}: not the file that was analysed; run gfpipe analyse on its archive")
    return reader


class _StoredFaces:
    """The samples and faces of a recording as the lake has them, handed out batch by batch."""

    def __init__(self, lake: str, found: Stored) -> None:
        self._path = found.recording.path
        self._seconds = shards.rows(lake, found, "samples")["seconds"].to_numpy()
        self._faces = shards.rows(lake, found, "faces")
        self._sample = self._faces["sample_index"].to_numpy()
        self._answers = shards.rows(lake, found, "attributes")
        self._seen = 0

    def faces_of(self, frames: FrameBatch) -> pa.Table:
        """The faces of the next batch; their ``sample_index`` counts from the batch's first frame.

        Raises:
            RecordingError: the frames are not those of the analysis.
        """
        first, last = self._seen, self._seen + len(frames)
        seconds = self._seconds[first:last]
        if len(seconds) != len(frames) or not np.allclose(seconds, frames.seconds, rtol=0, atol=_SAME_MOMENT):
            raise self._other_samples()
        self._seen = last
        begin, end = np.searchsorted(self._sample, (first, last))
        faces = self._faces.slice(begin, end - begin)
        index = faces.schema.get_field_index("sample_index")
        return faces.set_column(index, "sample_index", pa.array(self._sample[begin:end] - first))

    def check_all_were_seen(self) -> None:
        """Raise the RecordingError of :meth:`faces_of` where frames are missing at the end."""
        if self._seen != len(self._seconds):
            raise self._other_samples()

    def places(self, faces: pa.Table) -> NDArray[np.int64]:
        """Where some faces are among all, by their ``sample_index`` and ``face_index``."""
        first = np.searchsorted(self._sample, faces["sample_index"].to_numpy())
        return np.asarray(first + faces["face_index"].to_numpy(), np.int64)

    def answers_but_of(self, model_id: str) -> pa.Table:
        """What other models said of the faces."""
        return self._answers.filter(pc.field("model_id") != model_id)

    def _other_samples(self) -> RecordingError:
        return RecordingError(
            f"{self._path}: other frames can be decoded today than when it was analysed; run gfpipe analyse on its "
            "archive"
        )


def _detections(faces: pa.Table, frames: FrameBatch) -> Detections:
    """Stored faces, in pixels of the source, as the detector gave them, in pixels of the frames."""
    _, height, width, _ = frames.pixels.shape
    to_source = np.array([frames.source_width / width, frames.source_height / height], np.float32)
    corners: NDArray[np.float32] = np.stack(
        [faces[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1
    ).reshape(-1, 2, 2)
    landmarks = faces["landmarks"].combine_chunks().flatten().to_numpy().reshape(-1, 5, 2)
    return Detections(
        faces["sample_index"].to_numpy().astype(np.int64),
        (corners / to_source).reshape(-1, 4),
        landmarks / to_source,
        faces["detector_score"].to_numpy(),
    )
