"""Errors of unreadable files name the file, the problem and a remedy."""

import os
from pathlib import Path

import av
import numpy as np
import pytest

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError, TransientError
from gfpipe.video.probe import check_readable, probe
from gfpipe.video.reader import open_video
from tests.video.film import HEIGHT, WIDTH, film

UNPRIVILEGED = 65_534  # user id


def test_metadata_of_intact_file(mp4: Path, ts: Path) -> None:
    for path, codec, container in ((mp4, "h264", "mp4"), (ts, "h264", "mpegts")):
        info = probe(path)
        assert (info.width, info.height, info.codec) == (WIDTH, HEIGHT, codec)
        assert info.duration_seconds == pytest.approx(8)
        assert info.frame_seconds == pytest.approx(0.04)
        assert container in info.container


def error_of(path: Path) -> str:
    """The error message of probe and of both readers, which must be equal."""
    messages = set()
    for sampling in (None, *Sampling):
        with pytest.raises(RecordingError) as caught:
            probe(path) if sampling is None else open_video(path, sampling, 1.0)
        messages.add(str(caught.value))
    (message,) = messages
    assert str(path) in message
    return message


def test_missing_file(tmp_path: Path) -> None:
    assert "no such file" in error_of(tmp_path / "missing.mp4")


def test_folder(tmp_path: Path) -> None:
    assert "folder" in error_of(tmp_path)


def test_path_through_a_file(mp4: Path) -> None:
    assert "path through a file" in error_of(mp4 / "news.mp4")


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    assert "0 bytes" in error_of(path)


def test_text_file(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("This is not a video.\n" * 500)
    assert "not a video" in error_of(path)


def test_audio_only(tmp_path: Path) -> None:
    path = tmp_path / "radio.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48_000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    assert "no video stream, only audio" in error_of(path)


def test_mp4_without_index(tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.mp4", seconds=2, index_first=False).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    assert "cut off before its index" in error_of(path)


def test_unreadable_file(tmp_path: Path, mp4: Path) -> None:
    path = tmp_path / "secret.mp4"
    path.write_bytes(mp4.read_bytes())
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(UNPRIVILEGED)  # root can read everything
    try:
        message = error_of(path)
    finally:
        os.seteuid(user)
    assert "may not be read" in message


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc")
def test_storage_failure_is_transient() -> None:
    """The first page of a process is never mapped, so reading it is an input/output error."""
    with pytest.raises(TransientError, match="/proc/self/mem"):
        check_readable("/proc/self/mem")


@pytest.mark.parametrize("sampling", Sampling)
def test_file_without_decodable_frames(tmp_path: Path, mp4: Path, sampling: Sampling) -> None:
    data = bytearray(mp4.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = np.random.default_rng(0).bytes(len(data) - start)
    path = tmp_path / "noise.mp4"
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=r"noise\.mp4: no frame"):
        list(open_video(path, sampling, 1.0))
