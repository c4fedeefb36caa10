"""A packet that is repeated over and over costs neither time nor memory, and hides no picture."""

import io
import os
from pathlib import Path

import av
import numpy as np
import pytest

from gfpipe.choices import Sampling
from gfpipe.video.probe import open_container
from gfpipe.video.streams.repeats import TransportFile
from tests.video.film import FPS, HEIGHT, WIDTH, film, numbered_frames, see
from tests.video.streams import transport

TIMES = 100_000
KEYFRAME = 0x40  # flag of a packet with which decoding may begin


def hevc(path: Path) -> Path:
    """Four seconds of numbered frames with a keyframe each second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=FPS, options={"x265-params": "keyint=25:log-level=none"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in numbered_frames(4 * FPS):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module", params=["libx264", "mpeg2video", "hevc"])
def source(request: pytest.FixtureRequest, reel: Path) -> list[bytearray]:
    path = reel / f"repeats-{request.param}.ts"
    return transport.packets_of(hevc(path) if request.param == "hevc" else film(path, 4, codec=request.param))


def index_of(packets: list[bytearray], kind: str) -> int:
    """A packet in the second half: the first of a keyframe or of another frame, or one within a frame."""
    for index, packet in enumerate(packets):
        if index > len(packets) / 2 and transport.pid_of(packet) == transport.VIDEO:
            is_first, is_keyframe = packet[1] & 0x40, packet[3] & 0x20 and packet[4] and packet[5] & KEYFRAME
            if kind == ("within" if not is_first else "keyframe" if is_keyframe else "frame"):
                return index
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["keyframe", "frame", "within"])
def test_packet_repeated_a_hundred_thousand_times(source: list[bytearray], reel: Path, kind: str) -> None:
    at = index_of(source, kind)
    path = transport.write(reel / "repeated.ts", [*source[:at], *[source[at]] * TIMES, *source[at:]])
    with open_container(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert len(packets) == 4 * FPS
    for sampling in Sampling:
        seen = see(path, sampling)
        assert seen.lost == ()
        assert seen.steps.sum() == pytest.approx(4, abs=1.5 / FPS)
        shown = seen.seconds + (seen.steps / 2 if sampling is Sampling.EXACT else 0)
        np.testing.assert_array_equal(seen.numbers[:-1], np.floor(shown * FPS + 1e-3)[:-1])


@pytest.mark.parametrize("size", [188, 192])
def test_other_packets_are_read_as_they_are(ts: Path, reel: Path, size: int) -> None:
    packets = transport.packets_of(ts)
    data = b"".join(bytes(size - 188) + packet for packet in packets)
    path = reel / f"plain{size}.ts"
    path.write_bytes(data[:20_001] + data[20_013:])  # bytes are missing
    file, expected = TransportFile.of(path, 1000), io.BytesIO(path.read_bytes()[1000:])
    assert file is not None
    rng = np.random.default_rng(1)
    for _ in range(50):
        position = int(rng.integers(len(data) - 1000))
        assert file.seek(position) == expected.seek(position)
        assert file.read(count := int(rng.integers(1, 5000))) == expected.read(count)
        assert file.tell() == expected.tell()
    assert file.seek(0, os.SEEK_END) == expected.seek(0, os.SEEK_END)
    file.close()


def test_other_containers_are_left_to_ffmpeg(mp4: Path) -> None:
    assert TransportFile.of(mp4) is None
