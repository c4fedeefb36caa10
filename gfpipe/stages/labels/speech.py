"""What inaSpeechSegmenter heard in: its CSVs, each matched to a recording, checked, kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gfpipe.errors import UsageError
from gfpipe.labelling import store
from gfpipe.labelling.imports import foreign, recordings, speech
from gfpipe.progress import OnProgress, Progress


@dataclass(frozen=True)
class Summary:
    """What one import came to.

    Attributes:
        recordings: how many have their sound in the lake now.
        seconds: how long each label was heard in them.
        problems: files that were left out, each with the reason.
    """

    recordings: int
    seconds: Mapping[str, float]
    problems: tuple[tuple[Path, str], ...]


def run(lake: str, sources: Sequence[Path], on_progress: OnProgress) -> Summary:
    """Import CSVs, or folders of them; what an earlier import said of the same recording is replaced.

    A file that names no recording, or is no such CSV, is left out and named. `progress` hears files done and in all.

    Raises:
        UsageError: a source is not there, or holds no CSV.
        LakeError: the lake cannot be read or written.
    """
    files, known = list(foreign.files(sources, speech.PROGRAM)), recordings.read(lake)
    taken: dict[str, Path] = {}
    seconds = dict.fromkeys(speech.LABELS, 0.0)
    problems: list[tuple[Path, str]] = []
    for done, file in enumerate(files, start=1):
        on_progress(Progress("reading files", done, len(files)))
        try:
            recording = foreign.recording_of(file, known)
            if first := taken.get(recording.recording_id):
                raise UsageError(f"is about {recording.path}, as {first} is; keep one of the two")
            segments = speech.read(file.path, recording.seconds)
        except UsageError as exc:
            problems.append((file.path, str(exc)))
            continue
        store.write_speech(lake, recording.recording_id, file.path, segments)
        taken[recording.recording_id] = file.path
        for segment in segments:
            seconds[segment.label] += segment.stop_seconds - segment.start_seconds
    return Summary(len(taken), seconds, tuple(problems))
