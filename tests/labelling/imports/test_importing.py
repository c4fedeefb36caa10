"""Tests of imports of labels and speech into a lake."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gfpipe.base.progress import no_progress
from gfpipe.errors import UsageError
from gfpipe.labelling import store
from gfpipe.lake import schema
from gfpipe.stages.labels import label, speech
from tests.labelling.imports.test_label_csv import GOOD, HEADER, written
from tests.labelling.imports.test_speech import LINES
from tests.labelling.lakes import NORTH, SOUTH, lake, recording_id


@pytest.fixture
def home(tmp_path: Path) -> str:
    return lake(tmp_path / "lake")


def rows(home: str, table: str) -> list[dict[str, Any]]:
    files = sorted((Path(home) / table / "v1").glob("[!._]*.parquet"))
    assert all(pq.read_schema(file).equals(schema.TABLES[table]) for file in files)
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_labels_are_stored_and_summarised(home: str, tmp_path: Path) -> None:
    other = f"{SOUTH},3,10,10,90,90,m,,,"
    summary = label.run(
        home, written(tmp_path, f"{HEADER},remark", f"{GOOD},", f"{other},", other.replace(",3,", ",4,") + ",")
    )
    assert (summary.labels, summary.recordings, summary.answers) == (3, 2, {"female": 1, "male": 2})
    assert (summary.in_whole_pictures, summary.replaced, summary.unused) == (1, 0, ("remark",))
    stored = rows(home, "labels")
    assert [row["recording_id"] for row in stored] == [recording_id("north"), *[recording_id("south")] * 2]
    assert stored[0]["seconds"] == 12.5
    assert stored[1]["annotator"] is None
    assert stored[0]["imported_at"].tzinfo


def test_importing_a_file_again_replaces_its_labels(home: str, tmp_path: Path) -> None:
    label.run(home, written(tmp_path, HEADER, GOOD, GOOD.replace("12.5", "13")))
    summary = label.run(home, written(tmp_path, HEADER, GOOD.replace("female", "male")))
    assert summary.replaced == 2
    assert [row["answer"] for row in rows(home, "labels")] == ["male"]


def test_an_invalid_file_changes_nothing(home: str, tmp_path: Path) -> None:
    label.run(home, written(tmp_path, HEADER, GOOD))
    with pytest.raises(UsageError):
        label.run(home, written(tmp_path, HEADER, GOOD.replace("12.5", "20"), GOOD.replace("female", "lady")))
    assert [row["seconds"] for row in rows(home, "labels")] == [12.5]


def test_two_files_are_two_sources(home: str, tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        label.run(home, written(folder, HEADER, GOOD))
    assert len(rows(home, "labels")) == 2
    assert [item.source for item in store.imports(home)] == [str(tmp_path / name / "labels.csv") for name in "ab"]


def test_labels_can_be_removed_without_the_file(home: str, tmp_path: Path) -> None:
    file = written(tmp_path, HEADER, GOOD)
    label.run(home, file)
    file.unlink()
    assert store.remove_labels(home, file, dry_run=True) == 1
    assert len(rows(home, "labels")) == 1
    assert store.remove_labels(home, file) == 1
    assert rows(home, "labels") == []
    with pytest.raises(UsageError, match="never imported"):
        store.remove_labels(home, file)


def test_speech_is_matched_by_mirrored_folders_and_problems_are_reported(home: str, tmp_path: Path) -> None:
    segments = tmp_path / "segments"
    for path in (NORTH, SOUTH, "/archive/west/2024-03-07/1900_news.mp4"):
        file = segments / Path(path).relative_to("/archive").with_suffix(".csv")
        file.parent.mkdir(parents=True)
        file.write_text("\n".join(LINES))
    (segments / "south/2024-03-07/1900_news.mp4.csv").write_text("\n".join(LINES))
    progress: list[tuple[int, int | None]] = []
    summary = speech.run(home, [segments], lambda state: progress.append((state.done, state.total)))
    assert summary.recordings == 2
    assert summary.seconds["male"] == pytest.approx(2 * 10.92)
    assert [path.relative_to(segments).parts[0] for path, _ in summary.problems] == ["south", "west"]
    assert "keep one of the two" in summary.problems[0][1]
    assert progress[-1] == (4, 4)
    assert {row["recording_id"] for row in rows(home, "speech")} == {recording_id("north"), recording_id("south")}
    assert rows(home, "speech")[0]["stop_seconds"] == 22.48


def test_importing_speech_again_replaces_it(home: str, tmp_path: Path) -> None:
    file = tmp_path / "north" / "2024-03-07" / "1900_news.csv"
    file.parent.mkdir(parents=True)
    for lines in (LINES, ["labels\tstart\tstop", "female\t0\t60"]):
        file.write_text("\n".join(lines))
        speech.run(home, [file], no_progress)
    assert [row["label"] for row in rows(home, "speech")] == ["female"]
