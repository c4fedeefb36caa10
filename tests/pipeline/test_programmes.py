"""Transport streams with several programmes, from the analysis to what the user is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.choices import Device
from gfpipe.lake import shards
from gfpipe.models import champion
from gfpipe.recording import Status
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import analyse, reclassify
from gfpipe.video.encode import write_video
from tests.conftest import Command
from tests.pipeline.archives import FPS, analyse_all, man, nobody, status
from tests.video.streams import transport

FIRST = Analysis(classifier=champion.FIRST, device=Device.CPU)
SECOND = replace(FIRST, programme=2)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transport stream with nobody in its first programme, and a man in its second; and a file with one."""
    folder = tmp_path_factory.mktemp("archive")
    first = transport.packets_of(write_video(folder / "part.ts", nobody(2), FPS))
    second = transport.numbered(transport.packets_of(write_video(folder / "part.ts", man(2), FPS)), 2)
    second = transport.renumbered(second, {transport.VIDEO: 0x200, transport.MAP: 0x1100})
    (folder / "part.ts").unlink()
    day = folder / "tv" / "2001-03-04"
    day.mkdir(parents=True)
    transport.write(day / "2000_mux.ts", transport.multiplexed(first, second))
    transport.write(day / "2100_one.ts", first)
    return folder


def test_programme_is_a_setting_of_the_analysis(archive: Path, tmp_path: Path, gfpipe: Command) -> None:
    mux, one = analyse_all(archive, tmp_path, FIRST)
    assert (mux.status, mux.faces) == (Status.DONE, 0)
    assert mux.note == "programme 1 (Service01) is analysed, of several: 2"
    assert one.note is None
    mux, one = analyse_all(archive, tmp_path, SECOND)
    assert (mux.status, mux.faces) == (Status.DONE, mux.samples)
    assert mux.note == "programme 2 is analysed, of several: 1 (Service01)"
    assert (one.status, one.faces, one.note) == (Status.DONE, 0, None)
    assert [row["note"] for row in warehouse.report(tmp_path, "notes")[0].to_pylist()] == [mux.note]
    assert mux.note in gfpipe("status", "--lake", str(tmp_path)).stdout

    stored = shards.stored(str(tmp_path), mux.recording)
    assert stored is not None
    assert stored.provenance.programme == 2
    assert analyse.finished(mux.recording, str(tmp_path), analyse.prepare(SECOND)) is not None
    assert analyse.finished(mux.recording, str(tmp_path), analyse.prepare(FIRST)) is None


def test_missing_programme_is_a_failure_in_the_lake(archive: Path, tmp_path: Path) -> None:
    mux, one = analyse_all(archive, tmp_path, replace(FIRST, programme=7))
    assert (mux.status, one.status) == (Status.FAILED, Status.DONE)
    failed, reason = status(tmp_path)["2000_mux.ts"]
    assert failed == "failed"
    assert "no programme 7, only 1 (Service01), 2;" in reason


def test_reclassification_reads_the_programme_of_the_analysis(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mux, _ = analyse_all(archive, tmp_path, SECOND)
    monkeypatch.setattr("gfpipe.lake.provenance.METHOD", 99)  # else there is nothing to do under the same classifier
    again = reclassify.run(mux.recording, str(tmp_path), FIRST)
    assert (again.status, again.faces, again.note) == (Status.DONE, mux.faces, mux.note)
    stored = shards.stored(str(tmp_path), mux.recording)
    assert stored is not None
    assert stored.provenance.programme == 2
