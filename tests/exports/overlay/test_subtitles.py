"""Subtitles, read by FFmpeg."""

import re
from pathlib import Path

import av
import pytest

from gfpipe.exports.overlay import subtitles
from tests.exports.overlay.examples import OVERLAY


def events(path: Path) -> list[tuple[float, str]]:
    """Start and text of each subtitle, as FFmpeg decodes it."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(subtitles=0) if packet.size]
        return [(float((packet.pts or 0) * packet.time_base), bytes(packet).decode()) for packet in packets]


def test_boxes_are_in_pixels_of_the_stored_frame(tmp_path: Path) -> None:
    path = tmp_path / "news.ass"
    path.write_text(subtitles.ass(OVERLAY), encoding="utf-8")
    assert "PlayResX: 720\nPlayResY: 576" in path.read_text()
    found = events(path)
    assert len(found) == 2 * len(OVERLAY.faces)
    assert found[0][0] == 0.5
    assert r"{\an7\pos(360,144)\p1}m 0 0 l 180 0 180 144 0 144{\p0}" in found[0][1]
    assert found[-1][0] == pytest.approx(3671.25)


def test_texts_are_above_their_box_or_inside_at_the_top_edge() -> None:
    text = subtitles.ass(OVERLAY)
    assert r"{\an1\pos(360,144)}woman 97 %" in text
    assert r"{\an7\pos(0,0)}man 88 %" in text
    assert "undecided 50 %" in text
    assert "}not counted\n" in text


def test_every_style_is_defined_and_times_do_not_overlap() -> None:
    text = subtitles.ass(OVERLAY)
    styles = set(re.findall(r"^Style: ([a-z ]+),", text, re.MULTILINE))
    lines = [line.split(",", 9) for line in text.splitlines() if line.startswith("Dialogue:")]
    assert {line[3] for line in lines} <= styles
    assert {line[1] for line in lines} == {"0:00:00.50", "0:00:01.50", "1:01:11.25"}
    assert {line[2] for line in lines} == {"0:00:01.50", "0:00:02.50", "1:01:12.00"}


def test_srt_has_the_faces_of_a_sample_from_left_to_right(tmp_path: Path) -> None:
    path = tmp_path / "news.srt"
    path.write_text(subtitles.srt(OVERLAY), encoding="utf-8")
    assert events(path) == [
        (0.5, "man 88 %, woman 97 %"),
        (1.5, "undecided 50 %, woman 61 %"),
        (3671.25, "not counted"),
    ]
