"""Tests of reading CSVs of inaSpeechSegmenter."""

from pathlib import Path

import pytest

from gfpipe.errors import UsageError
from gfpipe.labelling.imports import external, speech
from gfpipe.labelling.imports.external import ExternalFile
from gfpipe.labelling.imports.speech import Segment
from tests.labelling.lakes import written

# as its own media/musanmix-smn-gender.csv has them
LINES = ("labels\tstart\tstop", "music\t0.0\t22.48", "noEnergy\t22.48\t29.080000000000002", "male\t29.08\t40.0")


def test_reads_segments(tmp_path: Path) -> None:
    segments = speech.read(written(tmp_path, *LINES), 40.0)
    assert segments[0] == Segment("music", 0.0, 22.48)
    assert [segment.label for segment in segments] == ["music", "noEnergy", "male"]


def test_reads_segments_that_a_spreadsheet_saved(tmp_path: Path) -> None:
    assert speech.read(written(tmp_path, "Labels;Start;Stop", "music;0;22,48"))[0] == Segment("music", 0.0, 22.48)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["label,start,stop", "male,0,1"], "columns missing: labels; it has label, start, stop"),
        ([], "it is empty"),
        (LINES[:1], "no segments"),
        ([*LINES, "speech\t40.0\t41.0"], "line 5: neither female nor male speech; run .*--detect_gender true"),
        ([*LINES, "child\t40.0\t41.0"], "line 5: label 'child' is not one of female, male"),
        ([*LINES, "male\t40.0"], "line 5: 2 cells in 3 columns"),
        ([*LINES, "male\t40.0\tend"], "line 5: start and stop must be seconds"),
        ([*LINES, "male\t41.0\t40.0"], "41.0 to 40.0 is not a valid interval"),
        ([*LINES, "female\t39.0\t41.0"], "overlap at 39 s"),
        (
            [*LINES, "female\t40.0\t75.5"],
            r"ends at 75.5 s, but the recording ends at 60.0 s; is it about another recording\?",
        ),
    ],
)
def test_invalid_files_are_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        speech.read(written(tmp_path, *lines), 60.0)


def test_unknown_durations_are_not_checked(tmp_path: Path) -> None:
    assert speech.read(written(tmp_path, *LINES))[-1].stop_seconds == 40.0


def test_folders_mirror_the_archive_and_files_do_not(tmp_path: Path) -> None:
    nested = tmp_path / "segments" / "north" / "news.csv"
    nested.parent.mkdir(parents=True)
    nested.touch()
    (nested.parent / ".hidden.csv").touch()
    single = written(tmp_path)
    assert external.files([tmp_path / "segments", single], speech.PROGRAM) == [
        ExternalFile(nested, mirrored=2),
        ExternalFile(single),
    ]


def test_missing_and_empty_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        external.files([tmp_path / "nowhere"], speech.PROGRAM)
    with pytest.raises(UsageError, match="contains no CSV"):
        external.files([tmp_path], speech.PROGRAM)
