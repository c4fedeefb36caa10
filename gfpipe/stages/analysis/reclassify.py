"""Classifies the stored faces of a recording with another model of perceived gender, without detecting them again.

As with :mod:`gfpipe.stages.analysis.analyse`, only workers import networks and decoders.
"""

from dataclasses import replace

from gfpipe.attributes import device
from gfpipe.attributes.spec import Attribute
from gfpipe.errors import LakeError, RecordingError
from gfpipe.lake import shards
from gfpipe.lake.provenance import IMPORTED, Provenance
from gfpipe.lake.shards import Stored
from gfpipe.models import store
from gfpipe.recording import Recording, Status, Summary
from gfpipe.settings import Analysis


def prepare(config: Analysis) -> None:
    """Check the device, and fetch and verify the new classifier.

    Raises:
        ModelError: the model is unknown, cannot be fetched, or is damaged.
        UsageError: this machine lacks the device, or the model does not classify perceived gender.
    """
    device.choose(config.device)
    store.verified(config.classifier).require(Attribute.PERCEIVED_GENDER)


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
    from gfpipe.faces import reclassification  # noqa: PLC0415 - imports torch, in workers only

    try:
        return reclassification.run(analysis, lake, config, provenance)
    except RecordingError as exc:
        return replace(analysis.summary, status=Status.FAILED, reason=str(exc), reused=False)


def _target(analysis: Stored, config: Analysis) -> Provenance:
    card = store.card(config.classifier)
    return analysis.provenance.under(card.id, card.sha256)
