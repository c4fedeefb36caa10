"""Analysed pictures beside FFmpeg's own rendering, the table of docs/pictures.md: ``python -m tests.bench.pictures``.

Each file is encoded from one picture and decoded; FFmpeg's filters ``scale`` and ``transpose``, with their default
options, render the same frame.
"""

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from gfpipe.choices import Sampling
from gfpipe.video.reader import open_video

BT601, BT709, BT2020 = "smpte170m", "bt709", "bt2020nc"
MATRICES = {BT709: 1, "fcc": 4, "bt470bg": 5, BT601: 6, "smpte240m": 7, BT2020: 9, "unknown": 2}
OPTIONS = {
    "dnxhd": {"profile": "dnxhr_hq"},
    "mjpeg": {"strict": "unofficial"},
}


@dataclass(frozen=True)
class Format:
    """How a file stores its pictures, and how FFmpeg is told to render them."""

    name: str
    codec: str
    pixels: str
    matrix: str = BT709  # of the file
    shown: str | None = None  # FFmpeg is told, where the file does not say
    full: bool = False  # range
    size: tuple[int, int] = (720, 576)
    scaled: tuple[int, int] | None = None
    aspect: str = "1"
    turn: str = ""


FORMATS = (
    Format("H.264 4:2:0, BT.601", "libx264", "yuv420p", BT601),
    Format("H.264 4:2:0, BT.709", "libx264", "yuv420p"),
    Format("H.264 4:2:0, BT.709, full range", "libx264", "yuv420p", full=True),
    Format("H.264 4:2:0, FCC", "libx264", "yuv420p", "fcc"),
    Format("H.264 4:2:0, SMPTE 240M", "libx264", "yuv420p", "smpte240m"),
    Format("H.264 4:2:0, BT.2020", "libx264", "yuv420p", BT2020),
    Format("H.264 4:2:0, no matrix, 576 lines", "libx264", "yuv420p", "unknown", BT601),
    Format("H.264 4:2:0, no matrix, 720 lines", "libx264", "yuv420p", "unknown", BT709, size=(1280, 720)),
    Format("H.264 4:2:0, 1080 of 1088 lines", "libx264", "yuv420p", size=(1920, 1080)),
    Format("H.264 4:2:2", "libx264", "yuv422p"),
    Format("H.264 4:4:4", "libx264", "yuv444p"),
    Format("H.264 4:2:0, 10 bits", "libx264", "yuv420p10le"),
    Format("H.264 4:2:2, 10 bits", "libx264", "yuv422p10le"),
    Format("H.264 4:2:0, 10 bits, BT.2020, full range", "libx264", "yuv420p10le", BT2020, full=True),
    Format("HEVC 4:2:0, 10 bits, BT.2020", "libx265", "yuv420p10le", BT2020),
    Format("MPEG-2 4:2:0", "mpeg2video", "yuv420p", BT601),
    Format("MPEG-2 4:2:2", "mpeg2video", "yuv422p", BT601),
    Format("DV 4:2:0, one field", "dvvideo", "yuv420p", "unknown", BT601),
    Format("DV 4:2:2 (DVCPRO50), one field", "dvvideo", "yuv422p", "unknown", BT601),
    Format("ProRes 4:2:2, 10 bits", "prores_ks", "yuv422p10le"),
    Format("DNxHR 4:2:2", "dnxhd", "yuv422p"),
    Format("Motion JPEG 4:2:0", "mjpeg", "yuv420p", "bt470bg", full=True),
    Format("FFV1 RGB", "ffv1", "bgr0", "unknown"),
    Format("FFV1 grey", "ffv1", "gray", "unknown"),
    Format("pixels of 16:15, scaled", "libx264", "yuv420p", BT601, scaled=(768, 576), aspect="16/15"),
    Format("2160 lines, scaled to 1080", "libx264", "yuv420p", size=(3840, 2160), scaled=(1920, 1080)),
    Format("display matrix of 90 degrees", "libx264", "yuv420p", turn="cclock"),
)


def main() -> None:
    print("| format | worst difference | mean difference |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="gfpipe-pictures-") as folder:
        for wanted in FORMATS:
            worst, mean = difference(wanted, Path(folder, "picture.mkv" if wanted.codec == "ffv1" else "picture.mov"))
            print(f"| {wanted.name} | {worst} | {mean:.2f} |", flush=True)


def difference(wanted: Format, path: Path) -> tuple[int, float]:
    """The worst and the mean absolute difference, in levels of 255."""
    encode(wanted, path)
    with av.open(str(path)) as container:
        rendered = reference(wanted, next(container.decode(video=0)))
    for sampling in Sampling:
        (batch,) = open_video(path, sampling, 1.0)
        off = np.abs(batch.pixels[0].astype(np.int16) - rendered)
    return int(off.max()), float(off.mean())


def scene(width: int, height: int) -> NDArray[np.uint8]:
    """Smooth shades of all colours, blurred edges, and skin tones."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    waves = [np.sin(2 * np.pi * (a * x + b * y) + a) for a, b in ((1.3, 0.7), (-0.8, 1.9), (2.1, -1.2))]
    image = np.stack(waves, -1) * 110 + 127
    for index, tone in enumerate([(224, 172, 105), (141, 85, 36), (255, 219, 172), (90, 56, 37)]):
        disc = 1 / (1 + np.exp((np.hypot(x - 0.2 - 0.2 * index, y - 0.5) - 0.08) * 300))
        image = image * (1 - disc[..., None]) + np.array(tone) * disc[..., None]
    return np.asarray(np.clip(image, 0, 255), dtype=np.uint8)


def encode(wanted: Format, path: Path) -> None:
    """Write one frame to a file."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(wanted.codec, rate=25)
        stream.width, stream.height = wanted.size
        stream.pix_fmt = wanted.pixels
        if wanted.turn:
            stream.set_display_rotation(90)
        context = stream.codec_context
        context.bit_rate = 40_000_000
        context.colorspace, context.color_range = MATRICES[wanted.matrix], 1 + wanted.full
        context.sample_aspect_ratio = Fraction(wanted.aspect)
        context.options = OPTIONS.get(wanted.codec, {})
        matrix = MATRICES[wanted.shown or wanted.matrix]
        frame = VideoFrame.from_ndarray(scene(*wanted.size), format="rgb24").reformat(
            format=wanted.pixels, dst_colorspace=5 if matrix in (2, 6) else matrix, dst_color_range=1 + wanted.full
        )
        frame.colorspace, frame.pts = MATRICES[wanted.matrix], 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def reference(wanted: Format, frame: VideoFrame) -> NDArray[np.int16]:
    """The frame as FFmpeg's filters render it."""
    width, height = wanted.scaled or wanted.size
    matrix = f":in_color_matrix={wanted.shown}" if wanted.shown else ""
    steps = [("scale", f"{width}:{height}{matrix}"), ("format", "rgb24")]
    if wanted.turn:
        steps.append(("transpose", wanted.turn))
    graph = Graph()
    with_format: Any = frame
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/25"
        f":colorspace={with_format.colorspace}:range={with_format.color_range}",
    )
    graph.link_nodes(source, *(graph.add(*step) for step in steps), graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull().to_ndarray().astype(np.int16)


if __name__ == "__main__":
    main()
