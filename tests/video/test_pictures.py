"""Pictures are those that a player shows: upright, in square pixels, in the right colours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.encode import Codec, write_video
from gfpipe.video.moment import Moment, still
from gfpipe.video.pictures.picture import Picture, Region
from gfpipe.video.pictures.rgb import crop, matrix_of, to_rgb
from gfpipe.video.reader import open_video
from tests.bench import pictures as rendering

WIDTH, HEIGHT = 128, 96


def corners() -> NDArray[np.uint8]:
    """Four quarters, each in its own grey, so that every orientation differs."""
    image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    image[: HEIGHT // 2, WIDTH // 2 :] = 100
    image[HEIGHT // 2 :, : WIDTH // 2] = 160
    image[HEIGHT // 2 :, WIDTH // 2 :] = 220
    return image


def colours() -> NDArray[np.uint8]:
    """Columns of skin tones and of saturated colours."""
    columns = [(224, 172, 105), (141, 85, 36), (200, 30, 30), (30, 200, 30), (30, 30, 200), (128, 128, 128)]
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for index, colour in enumerate(columns):
        image[:, WIDTH * index // len(columns) :] = colour
    return image


def assert_colours(pixels: NDArray[np.uint8]) -> None:
    """The colours in the middle of the columns."""
    middles = (np.arange(6) * 2 + 1) * WIDTH // 12
    np.testing.assert_allclose(pixels[HEIGHT // 2, middles], colours()[HEIGHT // 2, middles], atol=8)


def record(
    path: Path,
    images: Sequence[NDArray[np.uint8]],
    pixel_format: str = "yuv420p",
    codec: str = "libx264",
    orientation: tuple[int, bool, bool] = (0, False, False),
    colorspace: int = 2,
    color_range: int = 1,
    converted_to: int | None = None,
) -> Path:
    """Encode images with a display matrix and colour tags, by default converted as the tags say."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixel_format
        if orientation != (0, False, False):
            stream.set_display_rotation(*orientation)
        stream.codec_context.colorspace, stream.codec_context.color_range = colorspace, color_range
        for index, image in enumerate(images):
            matrix = converted_to or colorspace
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
                format=pixel_format, dst_colorspace=5 if matrix == 6 else matrix, dst_color_range=color_range
            )
            frame.colorspace = colorspace
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("quarters", range(4))
def test_display_matrix_turns_and_mirrors(tmp_path: Path, quarters: int, flips: tuple[bool, bool]) -> None:
    path = record(tmp_path / "phone.mp4", [corners()] * 25, orientation=(90 * quarters, *flips))
    expected = np.rot90(corners(), quarters)
    expected = expected[:, ::-1] if flips[0] else expected
    expected = expected[::-1] if flips[1] else expected
    for sampling in Sampling:
        reader = open_video(path, sampling, 1.0)
        (batch,) = reader
        np.testing.assert_allclose(batch.pixels[0], expected, atol=25)
        assert np.abs(batch.pixels[0].astype(int) - expected).mean() < 2
        assert batch.source_size == expected.shape[1::-1]
        height, width = expected.shape[:2]
        for box in [(0, 0, width / 2, height / 2), (width / 2, 0, width, height / 2), (10, height / 2, 20, height)]:
            assert_is_part(batch.pictures[0].region(box), batch.pictures[0], 0.5)
        assert (reader.info.height, reader.info.width) == expected.shape[:2]
        picture = still(path, Moment(0.0, sampling, 1.0, 1.0))
        np.testing.assert_array_equal(picture.pixels, batch.pixels[0])
        assert (picture.source_height, picture.source_width) == expected.shape[:2]


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 9])
def test_matrix_and_range_of_the_file_are_applied(tmp_path: Path, matrix: int, full: bool, sampling: Sampling) -> None:
    """Also BT.709 in a small picture, for which BT.601 is assumed without a tag."""
    path = record(tmp_path / "tagged.mp4", [colours()] * 3, colorspace=matrix, color_range=1 + full)
    assert_colours(next(iter(open_video(path, sampling, 1.0))).pixels[0])


@pytest.mark.parametrize("matrix", [0, 2, 3, 8, 11, 12, 13, 14, 15, 200])
def test_matrix_that_ffmpeg_cannot_apply_is_that_of_the_size(tmp_path: Path, matrix: int) -> None:
    path = record(tmp_path / "odd.mp4", [colours()] * 3, converted_to=5, colorspace=matrix)
    for sampling in Sampling:
        assert_colours(next(iter(open_video(path, sampling, 1.0))).pixels[0])


def test_constant_luminance_is_taken_as_bt2020(tmp_path: Path) -> None:
    path = record(tmp_path / "bt2020c.mp4", [colours()] * 3, converted_to=9, colorspace=10)
    for sampling in Sampling:
        assert_colours(next(iter(open_video(path, sampling, 1.0))).pixels[0])


@pytest.mark.parametrize(("width", "height", "matrix"), [(720, 576, 5), (1280, 544, 1), (960, 720, 1)])
def test_untagged_matrix_is_that_of_the_size(tmp_path: Path, width: int, height: int, matrix: int) -> None:
    large = colours().repeat(8, axis=0)[:height].repeat(10, axis=1)[:, :width]
    path = record(tmp_path / "untagged.mp4", [large] * 2, converted_to=matrix)
    (batch,) = open_video(path, Sampling.KEYFRAMES, 1.0)
    np.testing.assert_allclose(batch.pixels[0][64, 64], large[64, 64], atol=4)


@pytest.mark.parametrize(
    "name",
    [
        "H.264 4:2:0, BT.709, full range",
        "H.264 4:2:2, 10 bits",
        "MPEG-2 4:2:2",
        "ProRes 4:2:2, 10 bits",
        "FFV1 RGB",
        "pixels of 16:15, scaled",
    ],
)
def test_pictures_are_those_that_ffmpeg_renders(tmp_path: Path, name: str) -> None:
    (wanted,) = (wanted for wanted in rendering.FORMATS if wanted.name == name)
    worst, mean = rendering.difference(wanted, tmp_path / f"a.{'mkv' if wanted.codec == 'ffv1' else 'mov'}")
    assert worst <= 48  # single pixels at edges; encoders differ from run to run
    assert mean < 1


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("name", ["a.ts", "b.ts", "b.mp4"])
def test_interlaced_frames_show_one_field(tmp_path: Path, name: str, sampling: Sampling) -> None:
    """The fields show different moments: here a dark picture and a light one."""
    woven = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    woven[::2] = 200
    codec: Codec = "mpeg2video" if name.startswith("a") else "libx264"
    path = write_video(tmp_path / name, [woven] * 25, codec=codec, interlaced=True, bit_rate=4_000_000)
    (batch,) = open_video(path, sampling, 1.0)
    assert batch.pixels.shape[1:3] == (HEIGHT, WIDTH)
    np.testing.assert_allclose(batch.pixels[0], 200, atol=12)


@pytest.mark.parametrize("size", [(2, 2), (8, 64), (64, 8)])
@pytest.mark.parametrize("sampling", Sampling)
def test_tiny_pictures_fail_the_recording(tmp_path: Path, sampling: Sampling, size: tuple[int, int]) -> None:
    path = record(tmp_path / "tiny.mkv", [np.zeros((size[1], size[0], 3), np.uint8)] * 3, codec="ffv1")
    with pytest.raises(RecordingError, match=rf"tiny\.mkv: its pictures have {size[0]} x {size[1]} pixels"):
        list(open_video(path, sampling, 1.0))


def assert_is_part(region: Region, picture: Picture, atol: float) -> None:
    """The region's pixels are those of the whole picture at its place, on average."""
    rows, columns = (
        np.clip(first + (np.arange(count) + 0.5) * side / count, 0, limit - 1).astype(int)
        for first, side, count, limit in (
            (region.top, region.height, region.pixels.shape[0], picture.height),
            (region.left, region.width, region.pixels.shape[1], picture.width),
        )
    )
    expected = picture.pixels[rows[:, None], columns].astype(int)
    assert np.abs(region.pixels - expected).mean() <= atol


@pytest.mark.parametrize(
    "name",
    [
        "H.264 4:2:0, BT.709, full range",
        "H.264 4:2:0, no matrix, 576 lines",
        "H.264 4:2:0, no matrix, 720 lines",
        "H.264 4:2:2, 10 bits",
        "DV 4:2:0, one field",
        "ProRes 4:2:2, 10 bits",
        "FFV1 RGB",
        "FFV1 grey",
        "pixels of 16:15, scaled",
        "display matrix of 90 degrees",
        pytest.param("2160 lines, scaled to 1080", marks=pytest.mark.slow),
    ],
)
def test_regions_and_reduced_pictures_are_those_of_the_whole_picture(tmp_path: Path, name: str) -> None:
    (wanted,) = (wanted for wanted in rendering.FORMATS if wanted.name == name)
    path = tmp_path / f"a.{'mkv' if wanted.codec == 'ffv1' else 'mov'}"
    rendering.encode(wanted, path)
    (batch,) = open_video(path, Sampling.KEYFRAMES, 1.0)
    (picture,) = batch.pictures
    for share in [(0.15, 0.3, 0.32, 0.7), (0.5, 0.0, 1.0, 0.4), (0.72, 0.61, 0.73, 0.62), (0.9, 0.9, 2.0, 2.0)]:
        left, top, right, bottom = share * np.array(2 * batch.size)
        region = picture.region((left, top, right, bottom))
        assert max(region.left - left, region.top - top) < 1e-6
        assert region.left + region.width > min(right, picture.width) - 1e-6
        assert region.top + region.height > min(bottom, picture.height) - 1e-6
        assert_is_part(region, picture, 3.0)  # of one field, lines lie between those of the whole picture
        reduced = picture.region((left, top, right, bottom), pixel=3.0)
        assert reduced.pixels.shape[0] <= region.height / 3 + 1
        assert_is_part(reduced, picture, 4.0)
    reduced_by_pillow = Image.fromarray(picture.pixels).resize((160, 96), Image.Resampling.BILINEAR)
    assert np.abs(picture.scaled(160, 96).astype(int) - np.asarray(reduced_by_pillow)).mean() < 3


@pytest.mark.parametrize(
    "name",
    [
        "yuv410p",
        "yuv411p",
        "yuv440p",
        "yuva420p",
        "yuv444p12le",
        "nv12",
        "p010le",
        "yuyv422",
        "uyvy422",
        "rgb24",
        "bgra",
        "gbrp",
        "gray16le",
        "rgb8",
        "monob",
    ],
)
def test_regions_of_every_layout_of_pixels(name: str) -> None:
    """Planes of their own, shared planes, packed pixels; single bits, which cannot be cut."""
    image = np.add.outer(np.arange(96), np.arange(152)).astype(np.uint8)[..., None].repeat(3, axis=2)
    image[40:, 70:] = (200, 90, 30)
    frame = VideoFrame.from_ndarray(image, format="rgb24").reformat(format=name)
    whole = to_rgb(frame, (152, 96), VideoReformatter())
    part, (left, top, right, bottom) = crop(frame, (61.5, 33.2, 101.0, 77.0))
    assert (left <= 61, top <= 33, right >= 101, bottom >= 77) == (True,) * 4
    pixels = to_rgb(part, (right - left, bottom - top), VideoReformatter(), matrix=matrix_of(frame))
    inner = (slice(8, -8), slice(8, -8))  # FFmpeg interpolates the colours of some formats
    off = np.abs(pixels.astype(int) - whole[top:bottom, left:right])[inner]
    assert off.mean() <= 1
