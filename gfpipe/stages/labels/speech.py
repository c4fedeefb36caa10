"""Imports speech segments of inaSpeechSegmenter into a lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gfpipe.base.progress import OnProgress
from gfpipe.labelling import store
from gfpipe.labelling.imports import external, recordings, speech
from gfpipe.labelling.imports.external import ImportSummary
from gfpipe.labelling.imports.recordings import KnownRecording


@dataclass(frozen=True)
class Summary(ImportSummary):
    """Result of an import; ``seconds`` is the duration of each label."""

    seconds: Mapping[str, float]


def run(lake: str, sources: Sequence[Path], on_progress: OnProgress) -> Summary:
    """Import CSVs, or folders of them, replacing earlier imports for the same recordings.

    Raises:
        UsageError: a source does not exist, or contains no CSV.
        LakeError: the lake cannot be read or written.
    """
    seconds = dict.fromkeys(speech.LABELS, 0.0)

    def import_file(path: Path, recording: KnownRecording) -> None:
        segments = speech.read(path, recording.seconds)
        store.write_speech(lake, recording.recording_id, path, segments)
        for segment in segments:
            seconds[segment.label] += segment.stop_seconds - segment.start_seconds

    files = external.files(sources, speech.PROGRAM)
    imported = external.import_files(files, recordings.read(lake), import_file, on_progress)
    return Summary(imported.recordings, imported.problems, seconds)
