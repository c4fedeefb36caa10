"""Presentation times that a program stream leaves out are those that FFmpeg finds, without its unbounded search."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import pytest
from av.packet import Packet

from gfpipe.video.streams.demux import Demuxer
from gfpipe.video.streams.presentation import presented
from tests.video.film import film


@pytest.mark.parametrize("b_frames", [0, 1, 3])
def test_times_are_those_of_ffmpeg(reel: Path, b_frames: int) -> None:
    path = film(reel / f"{b_frames} b-frames.mpg", 4, codec="mpeg2video", b_frames=b_frames)
    with av.open(str(path)) as container:
        expected = [(packet.pts, packet.dts) for packet in container.demux(video=0) if packet.size]
    demuxer = Demuxer(path)
    assert [(packet.pts, packet.dts) for packet in demuxer] == expected
    demuxer.close()


def test_packets_whose_decoding_times_do_not_increase_are_not_collected() -> None:
    def endless() -> "Iterator[Packet]":  # type: ignore[type-arg]
        while True:
            packet = Packet(8)
            packet.dts = 100
            yield packet

    assert len(list(islice(presented(endless()), 1000))) == 1000
