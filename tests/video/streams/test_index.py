"""An index that lists a picture again and again is refused at once; one that lists it a few times is followed."""

import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.reader import open_video
from tests.fuzz import clips
from tests.video.film import FPS, film, see

BOTH = pytest.mark.parametrize("sampling", Sampling)
TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def boxes(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Names, positions and sizes of the boxes in a part of an MP4."""
    while begin + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, begin)
        yield name, begin, size
        begin += size


def path_to(data: bytes, names: tuple[bytes, ...]) -> list[tuple[int, int]]:
    """Position and size of each box on the way to the last one."""
    found, begin, end = [], 0, len(data)
    for name in names:
        position, size = next((position, size) for kind, position, size in boxes(data, begin, end) if kind == name)
        found.append((position, size))
        begin, end = position + 8, position + size
    return found


def table(name: bytes, *numbers: int) -> bytes:
    """A box of numbers."""
    return struct.pack(f">I4sI{len(numbers)}I", 12 + 4 * len(numbers), name, 0, *numbers)


def repeated(source: Path, path: Path, index: int, times: int) -> Path:
    """An MP4 with its index last, in which the entry of one picture is repeated."""
    data = source.read_bytes()
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        listed = [(entry.pos, entry.size, entry.is_keyframe) for entry in stream.index_entries]
        step = stream.index_entries[1].timestamp - stream.index_entries[0].timestamp
    entries = [*listed[:index], *[listed[index]] * times, *listed[index:]]
    *parents, (position, size) = path_to(data, TABLES)
    begin, length = path_to(data, (*TABLES, b"stsd"))[-1]
    keyframes = [number for number, (_, _, is_keyframe) in enumerate(entries, 1) if is_keyframe]
    content = data[begin : begin + length] + b"".join(
        [
            table(b"stts", 1, len(entries), step),
            table(b"stss", len(keyframes), *keyframes),
            table(b"stsc", 1, 1, 1, 1),
            table(b"stsz", 0, len(entries), *(size for _, size, _ in entries)),
            table(b"stco", len(entries), *(position for position, _, _ in entries)),
        ]
    )
    new = struct.pack(">I4s", 8 + len(content), b"stbl") + content
    changed = bytearray(data[:position] + new + data[position + size :])
    for parent, old in parents:
        struct.pack_into(">I", changed, parent, old + len(new) - size)
    struct.pack_into(">I", changed, changed.index(b"mdhd") + 20, len(entries) * step)
    struct.pack_into("4s", changed, changed.index(b"edts"), b"free")
    path.write_bytes(changed)
    return path


@pytest.fixture(scope="module")
def source(reel: Path) -> Path:
    return film(reel / "index.mp4", b_frames=0, index_first=False)


@BOTH
@pytest.mark.parametrize("index", [100, 110])
def test_picture_listed_a_hundred_thousand_times_is_refused_at_once(
    source: Path, reel: Path, index: int, sampling: Sampling
) -> None:
    path = repeated(source, reel / f"listed-{index}.mp4", index, 100_000)
    with pytest.raises(RecordingError, match=rf"listed-{index}\.mp4: its index lists the same pictures over and over"):
        open_video(path, sampling, 1.0)


@BOTH
def test_picture_listed_a_few_times_is_shown_as_long(source: Path, reel: Path, sampling: Sampling) -> None:
    seen = see(repeated(source, reel / "listed-50.mp4", 100, 50), sampling)
    assert seen.lost == ()
    assert seen.steps.sum() == pytest.approx(10)
    at = np.floor((seen.seconds + (seen.steps / 2 if sampling is Sampling.EXACT else 0)) * FPS + 1e-3)
    np.testing.assert_array_equal(seen.numbers, np.where(at < 100, at, np.maximum(100, at - 50)))


@BOTH
def test_avi_whose_index_is_repeated_is_refused(reel: Path, sampling: Sampling) -> None:
    path = clips.write(reel, clips.Kind("avi", "mjpeg"))
    data = path.read_bytes()
    at = data.rindex(b"idx1")
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    entries = data[at + 8 : at + 8 + size]
    path.write_bytes(data[: at + 4] + (5 * size).to_bytes(4, "little") + 5 * entries + data[at + 8 + size :])
    with pytest.raises(RecordingError, match=r"mjpeg\.avi: its index lists the same pictures over and over"):
        open_video(path, sampling, 1.0)
