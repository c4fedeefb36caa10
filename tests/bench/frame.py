"""Processor time of one sample, beside decoding alone in the same run: ``python -m tests.bench --only frame``.

Both use one core, in turn, and medians of all turns are shown, since other work on the machine slows both. Decoding
alone is what ``ffmpeg -skip_frame nokey -i FILE -vf scale=640:-2`` does.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import torch
from av.video.reformatter import Interpolation, VideoReformatter

from gfpipe.choices import DEFAULT_DETECTOR, Sampling
from gfpipe.cli import console
from gfpipe.counting import MIN_STORED_SCORE
from gfpipe.faces import detector as detectors
from gfpipe.faces import stream
from gfpipe.faces.detector import Detector
from gfpipe.models import champion, store
from gfpipe.recording import Clock
from gfpipe.video.reader import open_video
from tests.bench.footage import H264, MPEG2_INTERLACED, Format

TURNS = 5
FORMATS = (H264, MPEG2_INTERLACED)
WIDTH = 640  # of the pictures of decoding alone


def measure(seconds: int) -> None:
    """Print a table of H.264 1080p and MPEG-2 576i."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    detector = detectors.load(store.open_model(DEFAULT_DETECTOR), score_threshold=MIN_STORED_SCORE)
    with tempfile.TemporaryDirectory(prefix="gfpipe-bench-") as folder:
        rows = [row(detector, wanted, Path(folder, f"clip{wanted.ending}"), seconds) for wanted in FORMATS]
    torch.set_num_threads(threads)
    console.table(rows, f"Processor time of one core, milliseconds a sample, medians of {TURNS}")


def row(detector: Detector, wanted: Format, path: Path, seconds: int) -> dict[str, str]:
    """One format: decoding alone, the analysis, their ratio, and where the time of the analysis went."""
    console.say(f"making {seconds} s of {wanted.name} …")
    wanted.write(path, seconds)
    clock, faces = analysed(detector, path)  # loads what a first call loads
    samples = sum(len(batch) for batch in open_video(path, Sampling.KEYFRAMES, 1.0))
    turns = [(spent(lambda: decoded(path)), spent(lambda: analysed(detector, path))) for _ in range(TURNS)]
    total = sum(vars(clock.timings).values())
    alone, whole = (1000 / samples * statistics.median(times) for times in zip(*turns, strict=True))
    return {
        "format": wanted.name,
        "faces a sample": f"{faces / samples:.1f}",
        "decoding alone": f"{alone:.1f}",
        "analysis": f"{whole:.1f}",
        "ratio": f"{statistics.median(both / floor for floor, both in turns):.2f}",
        **{step: f"{100 * part / total:.0f} %" for step, part in vars(clock.timings).items() if part},
    }


def spent(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def analysed(detector: Detector, path: Path) -> tuple[Clock, int]:
    """What a worker does with a recording, without writing shards; its timings, and the number of faces."""
    clock = Clock()
    classifier = stream.load_classifier(champion.FIRST, "cpu")
    reader = open_video(path, Sampling.KEYFRAMES, 1.0)
    found = stream.classify(reader, detector.in_frames, classifier, clock)
    return clock, sum(len(findings.detections) for _, findings in found)


def decoded(path: Path) -> None:
    """Decode and reduce the keyframes."""
    reformatter = VideoReformatter()
    with av.open(str(path)) as container:
        (video,) = container.streams.video
        video.thread_count, video.codec_context.skip_frame = 1, "NONKEY"
        for frame in container.decode(video):
            height = round(frame.height * WIDTH / frame.width / 2) * 2
            reformatter.reformat(frame, WIDTH, height, interpolation=Interpolation.BICUBIC, threads=1)
