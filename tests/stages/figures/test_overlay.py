"""Faces of a recording over its pictures."""

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gfpipe.errors import LakeError, UsageError
from gfpipe.stages.figures import overlay, publish
from gfpipe.video.encode import read_frames, write_video
from gfpipe.video.probe import probe
from tests.pipeline.archives import analyse_all, man, programme

pytestmark = pytest.mark.slow
PLAIN, WIDE = "tv/2001-03-04/2000_plain.mp4", "tv/2001-03-04/2100_wide.ts"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with two recordings of a man: one as shot, one squeezed, with timestamps that begin late."""
    folder = tmp_path_factory.mktemp("overlay")
    programme(folder / "archive", PLAIN, 2)
    squeezed = (np.asarray(Image.fromarray(frame).resize((96, 144))) for frame in man(2))
    path = folder / "archive" / WIDE
    write_video(path, squeezed, 25, codec="libx264", pixel_aspect=Fraction(11, 6), start_seconds=95_442.0)
    (folder / "archive" / "tv/2001-03-04/2200_bad.mp4").write_text("no video")
    analyse_all(folder / "archive", folder / "lake")
    publish.run(folder / "lake")
    return folder


@pytest.mark.parametrize("name", [PLAIN, WIDE])
def test_boxes_of_every_frame_lie_on_the_picture_as_it_is_shown(folder: Path, name: str, tmp_path: Path) -> None:
    lake, out = str(folder / "lake"), tmp_path / "boxes.mp4"
    summary = overlay.run(lake, name, out)
    _, shown = overlay.read(lake, name)
    plain = overlay.read(lake, PLAIN)[1].faces[0]
    assert summary.faces == len(shown.faces) > 0
    assert shown.faces[0].box == pytest.approx(plain.box, abs=0.04)
    assert shown.faces[0].start_seconds == pytest.approx(0, abs=0.05)
    assert probe(out).codec == "h264"
    frames, originals = list(read_frames(out)), list(man(2))
    assert [frame.shape for frame in frames] == [(144, 176, 3)] * 50
    for number in 0, 20:
        changed = np.abs(frames[number].astype(int) - originals[number]).sum(axis=2)
        x1, y1, x2, y2 = (round(part * (144 if side % 2 else 176)) for side, part in enumerate(shown.faces[0].box))
        inside = changed[y1 + 4 : y2 - 3, x1 + 4 : x2 - 3].mean()
        for edge in (changed[y1:y2, x1], changed[y1:y2, x2], changed[y2, x1:x2]):
            assert edge.mean() > 3 * inside
            assert edge.mean() > 60


@pytest.mark.parametrize("ending", [".ass", ".srt", ".eaf", ".xml", ".json"])
def test_texts_are_written_by_the_ending(folder: Path, ending: str, tmp_path: Path) -> None:
    out = tmp_path / f"plain{ending.upper()}"
    overlay.run(str(folder / "lake"), "2000_plain.mp4", out)
    assert "man" in out.read_text(encoding="utf-8")


def test_what_cannot_be_written_is_refused(folder: Path, tmp_path: Path) -> None:
    lake, recording = str(folder / "lake"), folder / "archive" / PLAIN
    before = recording.read_bytes()
    for name, out, message in (
        (PLAIN, tmp_path / "boxes.avi", r"\.ass, \.srt, \.eaf, \.xml, \.json, \.mp4"),
        (PLAIN, recording, "is the recording itself"),
        ("nothing.mp4", tmp_path / "boxes.ass", "no recording 'nothing.mp4'"),
        ("2200_bad.mp4", tmp_path / "boxes.ass", "its analysis failed"),
    ):
        with pytest.raises(UsageError, match=message):
            overlay.run(lake, name, out)
    assert recording.read_bytes() == before
    assert list(tmp_path.iterdir()) == []


def test_a_recording_analysed_anew_must_be_published_first(folder: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(folder / "lake", lake)
    next((lake / "recordings").rglob("*plain*.parquet")).unlink()
    with pytest.raises(LakeError, match="gfpipe publish"):
        overlay.run(str(lake), PLAIN, tmp_path / "boxes.ass")
