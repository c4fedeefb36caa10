"""A file of labels in: read, checked against the lake's recordings, kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gfpipe.labelling import labels, store
from gfpipe.labelling.imports import recordings


@dataclass(frozen=True)
class Summary:
    """What one import came to.

    Attributes:
        labels: faces with an answer.
        recordings: in how many recordings.
        answers: how many gave which answer.
        in_whole_pictures: labels of pictures of which every face was marked.
        replaced: labels of an earlier import of the same file, which are gone.
        unused: columns of the file that mean nothing here.
    """

    labels: int
    recordings: int
    answers: Mapping[str, int]
    in_whole_pictures: int
    replaced: int
    unused: tuple[str, ...]


def run(lake: str, file: Path) -> Summary:
    """Import a file of labels; an earlier import of the same file is replaced, one that is not right changes nothing.

    Raises:
        UsageError: the file is not right; says where, and what to do.
        LakeError: the lake cannot be read or written.
    """
    found = labels.read(file, recordings.read(lake))
    replaced = store.write_labels(lake, file, found.labels)
    return Summary(
        labels=len(found.labels),
        recordings=len({label.recording_id for label in found.labels}),
        answers=labels.answers(found.labels),
        in_whole_pictures=sum(label.whole_picture for label in found.labels),
        replaced=replaced,
        unused=found.unused,
    )
