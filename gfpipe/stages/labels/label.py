"""Imports a label file into a lake."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gfpipe.labelling import store
from gfpipe.labelling.imports import label_csv, recordings
from gfpipe.labelling.labels import ANSWERS


@dataclass(frozen=True)
class Summary:
    """Result of an import.

    Attributes:
        labels: number of labels.
        recordings: number of recordings that they are in.
        answers: number of labels by answer.
        in_whole_pictures: labels of frames whose faces were all labelled.
        replaced: labels of an earlier import of the same file.
        unused: columns of the file that were ignored.
    """

    labels: int
    recordings: int
    answers: Mapping[str, int]
    in_whole_pictures: int
    replaced: int
    unused: tuple[str, ...]


def run(lake: str, file: Path) -> Summary:
    """Import a label file, replacing an earlier import of the same file; an invalid file changes nothing.

    Raises:
        UsageError: the file is invalid.
        LakeError: the lake cannot be read or written.
    """
    content = label_csv.read(file, recordings.read(lake))
    labels = content.labels
    replaced = store.write_labels(lake, file, labels)
    counts = Counter(label.answer for label in labels)
    return Summary(
        labels=len(labels),
        recordings=len({label.recording_id for label in labels}),
        answers={answer: counts[answer] for answer in ANSWERS if counts[answer]},
        in_whole_pictures=sum(label.whole_picture for label in labels),
        replaced=replaced,
        unused=content.unused,
    )
