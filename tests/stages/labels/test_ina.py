"""Tests of importing inaFaceAnalyzer's faces as a second lake; expected values computed from the rows."""

from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.base.progress import no_progress
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake.index import earlier
from gfpipe.models import champion
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import reclassify
from gfpipe.stages.figures import compare, publish
from gfpipe.stages.labels import ina
from tests.conftest import Command
from tests.labelling.imports.test_inaface import HEADER, TRACKED
from tests.pipeline.archives import analyse_all, programme, totals

pytestmark = pytest.mark.slow

# 25 frames a second, four seconds, 176 × 144; a square of 66 pixels is a face of 150 lines
FACE = '"(10, 10, 76, 76)",0.99'
ROWS = (
    f"0,{FACE},-8.4,3.1,f,26.2",
    f"25,{FACE},-6.0,3.1,f,26.2",
    f"25,{FACE},5.0,3.1,m,31.0",
    f"50,{FACE},0.1,3.1,m,31.0",  # undecided
    '50,"(10, 10, 18, 18)",0.99,9.0,3.1,m,31.0',  # 18 lines: too small to count
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two programmes of one man, and an invalid file; published."""
    folder = tmp_path_factory.mktemp("both")
    programme(folder / "archive", "tv/2001-03-04/2000_news.mp4")
    programme(folder / "archive", "tv/2001-03-04/2100_talk.mp4", 1)
    (folder / "archive" / "tv/2001-03-04/2200_bad.mp4").write_text("no video")
    analyse_all(folder / "archive", folder / "lake")
    publish.run(folder / "lake")
    return folder / "lake"


def write_csv(folder: Path, name: str, *lines: str) -> None:
    path = folder / "faces" / "tv/2001-03-04" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def test_screen_time_is_the_sum_of_the_rows(lake: Path, tmp_path: Path) -> None:
    write_csv(tmp_path, "2000_news", HEADER, *ROWS)
    write_csv(tmp_path, "2200_bad", HEADER, *ROWS)
    write_csv(tmp_path, "2300_film", HEADER, *ROWS)
    into = tmp_path / "other"
    summary = ina.run(str(lake), str(into), [tmp_path / "faces"], 1, no_progress)
    assert (summary.recordings, summary.faces) == (1, 5)
    assert summary.seconds == pytest.approx(4, abs=0.04)
    assert [path.name for path, _ in summary.problems] == ["2200_bad.csv", "2300_film.csv"]
    assert "gfpipe could not analyse it" in summary.problems[0][1]
    assert "no recording of the lake" in summary.problems[1][1]
    (row,) = (row for row in totals(into) if row["status"] == "done")
    assert (row["samples"], row["faces"]) == (4, 4)
    assert (row["female_face_seconds"], row["male_face_seconds"]) == (pytest.approx(2), pytest.approx(1))
    with warehouse.open(into) as db:
        (more,) = db.query("select undecided_face_seconds, no_face_seconds from screen_time_by_channel").to_pylist()
        lost = db.query("select count(*) as files from schedule").to_pylist()
    assert more == {"undecided_face_seconds": pytest.approx(1), "no_face_seconds": pytest.approx(1)}
    assert lost == [{"files": 3}]  # recordings without a file stay in the schedule


def test_importing_again_replaces_and_lakes_are_not_confused(lake: Path, tmp_path: Path) -> None:
    into = str(tmp_path / "other")
    write_csv(tmp_path, "2000_news", HEADER, *ROWS)
    ina.run(str(lake), into, [tmp_path / "faces"], 1, no_progress)
    write_csv(tmp_path, "2000_news", TRACKED, '0,"(10, 10, 76, 76)",7,,22.6,-8.4,f,-8.4,f')
    assert ina.run(str(lake), into, [tmp_path / "faces"], 1, no_progress).faces == 1
    (row,) = (row for row in totals(Path(into)) if row["status"] == "done")
    assert (row["samples"], row["faces"], row["female_face_seconds"]) == (4, 1, pytest.approx(1))
    with pytest.raises(UsageError, match="gfpipe's own analyses"):
        ina.run(str(lake), f"{lake}/", [tmp_path / "faces"], 1, no_progress)
    (recording,) = earlier.analysed(into)
    with pytest.raises(LakeError, match="inafaceanalyzer found: they cannot be cut out again"):
        reclassify.run(recording, into, Analysis(classifier=champion.FIRST))


def test_both_tools_are_compared_on_common_recordings(lake: Path, tmp_path: Path, gfpipe: Command) -> None:
    into = tmp_path / "other"
    write_csv(tmp_path, "2000_news", HEADER, *ROWS)
    imported = gfpipe("ina", "import", str(tmp_path / "faces"), "--lake", str(lake), "--into", str(into), "--fps", "1")
    assert imported.code == 0
    assert "1 recording, 0:00:04: 5 faces" in imported.stderr
    publish.run(into)
    (row,) = compare.run(lake, into, ["channel"], draws=200).to_pylist()
    assert (row["channel"], row["other_model_id"]) == ("tv", "inafaceanalyzer")
    assert row["hours_analysed"] == pytest.approx(row["other_hours_analysed"])  # of the common recording
    assert row["male_face_seconds"] == pytest.approx(4, abs=0.1)
    assert row["share_female_face_time"] == pytest.approx(0, abs=0.01)
    assert row["other_share_female_face_time"] == pytest.approx(2 / 3)
    assert row["difference"] == pytest.approx(100 * 2 / 3, abs=1)
    shown = gfpipe("ina", "compare", "--lake", str(lake), "--with", str(into), "--by", "channel,programme")
    assert shown.code == 0
    assert "66.7 %" in shown.stdout
