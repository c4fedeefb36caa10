"""Faces on interlaced pictures: ``python -m tests.bench.interlacing ../shared/data/video``.

Fields of consecutive frames are woven, as a camera with twice the frame rate would record them, also with a pan of some
pixels per field. Faces are found and classified in the woven picture, in one field, and deinterlaced; the progressive
frame is the reference.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from gfpipe.choices import DEFAULT_DETECTOR
from gfpipe.faces import detector as detectors
from gfpipe.faces import stream
from gfpipe.faces.alignment import chips_for
from gfpipe.faces.boxes import iou
from gfpipe.faces.detector import Detections
from gfpipe.models import champion, store
from gfpipe.video.encode import read_frames
from gfpipe.video.pictures.rgb import to_rgb

LINES, COLUMNS = 576, 768
PANS = (0, 8)  # columns per field
SAMPLES = 4  # of each clip
WEAVE = (("format", "yuv420p"), ("separatefields", ""), ("select", "not(mod(n,4))+eq(mod(n,4),3)"), ("weave", "top"))
METHODS: dict[str, tuple[tuple[str, str], ...]] = {
    "woven": (),
    "one field": (("field", "top"),),
    "estdif": (("estdif", "mode=frame"),),
    "bwdif": (("bwdif", "mode=send_frame"),),
}


@dataclass
class Tally:
    """Counts of one method."""

    faces: int = 0
    found: int = 0
    extra: int = 0
    right: int = 0
    labelled: int = 0
    change: float = 0.0  # sum of absolute differences of p_female

    def row(self) -> dict[str, float]:
        return {
            "faces found, %": 100 * self.found / max(1, self.faces),
            "further faces": self.extra,
            "perceived gender right, %": 100 * self.right / max(1, self.labelled),
            "mean change of p_female": self.change / max(1, self.found),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="clips with labels.csv")
    given = parser.parse_args()
    detect = detectors.load(store.open_model(DEFAULT_DETECTOR), "cpu")
    classifier = stream.load_classifier(champion.FIRST, "cpu")

    def analyse(pixels: NDArray[np.uint8]) -> tuple[Detections, NDArray[np.float32]]:
        found = detect(pixels[None])
        chips = chips_for(
            classifier.spec.input, pixels[None], found.frame_index, found.landmarks, found.boxes, classifier.device
        )
        return found, classifier(chips).p_female

    labels = pd.read_csv(given.folder / "labels.csv").set_index("file").perceived_gender
    tallies = {(pan, method): Tally() for pan in PANS for method in ("progressive", *METHODS)}
    for name, gender in labels.items():
        for pan in PANS:
            for reference, pictures in samples(given.folder / str(name), pan):
                expected = analyse(reference)
                compare(tallies[pan, "progressive"], expected, expected, gender)
                for method, pixels in pictures.items():
                    compare(tallies[pan, method], expected, analyse(pixels), gender)
        print(name, flush=True)
    table = pd.DataFrame([{"pan": pan, "picture": method} | t.row() for (pan, method), t in tallies.items()])
    print(table.round(3).to_string(index=False))


def samples(path: Path, pan: int) -> Iterator[tuple[NDArray[np.uint8], dict[str, NDArray[np.uint8]]]]:
    """Progressive frames, each with the pictures that every method makes of the woven ones."""
    frames = list(islice(read_frames(path), 240))
    for begin in np.linspace(0, len(frames) - 6, SAMPLES).astype(int):
        panned = [screen(frame, pan * index) for index, frame in enumerate(frames[begin : begin + 6])]
        progressive = [VideoFrame.from_ndarray(frame, format="rgb24") for frame in panned]
        woven = list(filtered(progressive, WEAVE))
        pictures = {method: rgb(list(filtered(woven, steps))[1]) for method, steps in METHODS.items()}
        yield rgb(next(islice(filtered(progressive, WEAVE[:1]), 2, None))), pictures


def screen(frame: NDArray[np.uint8], shift: int) -> NDArray[np.uint8]:
    """The frame at two thirds of a picture of 576 lines, moved by some columns."""
    height, width, _ = frame.shape
    scale = LINES * 2 / 3 / height
    size = min(COLUMNS, round(width * scale)) // 2 * 2, round(height * scale) // 2 * 2
    image = to_rgb(VideoFrame.from_ndarray(frame, format="rgb24"), size, VideoReformatter())
    picture = np.full((LINES, COLUMNS, 3), 90, np.uint8)
    top, left = (LINES - size[1]) // 2, (COLUMNS - size[0]) // 2
    picture[top : top + size[1], left : left + size[0]] = image
    return np.roll(picture, shift, axis=1)


def filtered(frames: list[VideoFrame], steps: tuple[tuple[str, str], ...]) -> Iterator[VideoFrame]:
    """Send frames through filters of libavfilter."""
    if not steps:
        yield from frames
        return
    graph = Graph()
    first = frames[0]
    nodes = [
        graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=Fraction(1)),
        *(graph.add(*step) for step in steps),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    for index, frame in enumerate(frames):
        frame.pts = index
        graph.vpush(frame)
    graph.vpush(None)
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return


def rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    return to_rgb(frame, (COLUMNS, LINES), VideoReformatter())


def compare(
    tally: Tally,
    expected: tuple[Detections, NDArray[np.float32]],
    seen: tuple[Detections, NDArray[np.float32]],
    gender: str,
) -> None:
    """Match faces by their boxes."""
    overlaps = iou(expected[0].boxes, seen[0].boxes)
    tally.faces += len(expected[0])
    tally.extra += len(seen[0])
    for face, overlap in enumerate(overlaps):
        if overlap.size and overlap.max() >= 0.5:
            p = float(seen[1][overlap.argmax()])
            tally.found += 1
            tally.extra -= 1
            tally.change += abs(p - float(expected[1][face]))
            if gender in ("female", "male"):
                tally.labelled += 1
                tally.right += (p >= 0.6) if gender == "female" else (p <= 0.4)


if __name__ == "__main__":
    main()
