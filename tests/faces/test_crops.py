"""Selection of crops is random and limited; crops show faces that people and the detector recognise."""

import io
import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from gfpipe.faces import crops, detector, portraits
from gfpipe.faces.crops import CropSampler, share_of_day
from gfpipe.faces.detector import Detections
from gfpipe.faces.tracks import Tracks
from gfpipe.models.store import StoredModel
from gfpipe.recording import Recording
from gfpipe.settings import CropRetention
from gfpipe.stages.analysis import demo
from gfpipe.video.frames import FrameBatch
from gfpipe.video.pictures.picture import Picture

pytestmark = pytest.mark.slow

START = datetime(2001, 3, 4, tzinfo=UTC)
DAY = 86_400
FRAME: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 255, (36, 64, 3), np.uint8)
PICTURE = Picture.of_pixels(FRAME)


def recording(start: datetime = START, channel: str = "one") -> Recording:
    return Recording("x.ts", channel, "news", start)


def process(sampler: CropSampler, lengths: list[int], batch: int = 7, counts: bool = True) -> None:
    """Process tracks of these lengths, which all begin at the first sample."""
    shown = [[track for track, length in enumerate(lengths) if sample < length] for sample in range(max(lengths))]
    for first in range(0, len(shown), batch):
        now = shown[first : first + batch]
        frame = np.repeat(np.arange(len(now)), [len(tracks) for tracks in now])
        track = np.array([number for tracks in now for number in tracks], np.int32)
        boxes = np.tile(np.array([20, 8, 36, 24], np.float32), (len(frame), 1))
        frames = FrameBatch((PICTURE,) * len(now), np.arange(len(now), dtype=float), np.ones(len(now)))
        detections = Detections(frame, boxes, np.zeros((len(frame), 5, 2), np.float32), np.ones(len(frame), np.float32))
        sampler(frames, detections, Tracks(np.zeros(len(now), np.int32), track), np.full(len(frame), counts), first)


class TestChoice:
    @pytest.mark.parametrize(("per_track", "expected"), [(1, 40), (2, 75)])
    def test_number_of_crops_per_track(self, per_track: int, expected: int) -> None:
        sampler = CropSampler(CropRetention("1d", per_track=per_track, per_day=1_000_000), recording())
        process(sampler, [1] * 5 + [9] * 35)  # five have no second face
        selected = sampler.selected(DAY)
        assert len(selected) == expected
        assert max(Counter(crop.track_id for crop in selected).values()) == per_track
        faces = [(crop.sample_index, crop.face_index) for crop in selected]
        assert faces == sorted(set(faces))

    @pytest.mark.parametrize("per_track", [1, 3])
    def test_streaming_selection_equals_offline_selection(self, per_track: int) -> None:
        lengths = np.random.default_rng(1).integers(1, 30, 60).tolist()
        free = CropSampler(CropRetention("1d", per_track=per_track, per_recording=10_000, per_day=20), recording())
        tight = CropSampler(CropRetention("1d", per_track=per_track, per_recording=20, per_day=1_000_000), recording())
        process(free, lengths)
        process(tight, lengths, batch=3)
        selected = tight.selected(DAY)
        assert len(selected) == 20
        assert selected == free.selected(DAY)

    def test_stored_crops_are_limited(self) -> None:
        sampler = CropSampler(CropRetention("1d", per_track=2, per_recording=10), recording())
        process(sampler, [5] * 400)
        assert sum(len(track.crops) for track in sampler._tracks.values()) == 10
        assert len(sampler._tracks) <= 10

    def test_selection_does_not_depend_on_track_length_or_time(self) -> None:
        long_ones, early, drawn = 0, 0, 0
        for minute in range(150):
            sampler = CropSampler(CropRetention("1d", per_recording=4), recording(START + timedelta(minutes=minute)))
            process(sampler, [1] * 5 + [20] * 5, batch=20)
            for crop in sampler.selected(DAY):
                if crop.track_id >= 5:
                    long_ones += 1
                    early += crop.sample_index < 10
                drawn += 1
        assert drawn == 600
        assert abs(long_ones - 300) < 50  # four standard errors of a fair coin
        assert abs(early - long_ones / 2) < 35

    def test_small_faces_are_not_selected(self) -> None:
        sampler = CropSampler(CropRetention("1d"), recording())
        process(sampler, [5] * 3, counts=False)
        assert sampler.selected(DAY) == ()


class TestShareOfADay:
    def test_whole_day_has_the_full_number(self) -> None:
        assert share_of_day(recording(), DAY, 2000) == 2000
        assert share_of_day(recording(START - timedelta(hours=6)), DAY / 2, 2000) == 1000

    @pytest.mark.parametrize("per_day", [7, 100, 2000])
    def test_consecutive_recordings_do_not_exceed_the_limit(self, per_day: int) -> None:
        chance = np.random.default_rng(per_day)
        cuts = [0.0, *sorted(chance.uniform(0, DAY, 60).round(2)), float(DAY)]
        shares = [
            share_of_day(recording(START + timedelta(seconds=begin)), end - begin, per_day)
            for begin, end in itertools.pairwise(cuts)
        ]
        assert sum(shares) == per_day
        for (begin, end), share in zip(itertools.pairwise(cuts), shares, strict=True):
            assert abs(share - per_day * (end - begin) / DAY) <= 1

    def test_short_recordings_get_fractions(self) -> None:
        """Half a minute of every day, with one crop per minute: one crop on half of the days."""
        shares = [share_of_day(recording(START + timedelta(days=day, hours=20)), 30, 24 * 60) for day in range(400)]
        assert set(shares) == {0, 1}
        assert abs(sum(shares) - 200) < 40

    def test_no_analysed_time_has_no_crops(self) -> None:
        assert share_of_day(recording(), 0, 2000) == 0


class TestPicture:
    def test_square_is_twice_the_face(self) -> None:
        data, width, height = crops.cut(FRAME, np.array([20, 10, 28, 22], np.float32))
        opened = Image.open(io.BytesIO(data))
        assert opened.format == "JPEG"
        assert (width, height) == opened.size == (24, 24)

    def test_large_crops_are_reduced(self) -> None:
        frame = np.zeros((1080, 1920, 3), np.uint8)
        _, width, height = crops.cut(frame, np.array([500, 200, 900, 800], np.float32))
        assert (width, height) == (256, 256)

    @pytest.mark.parametrize("where", ["left", "right", "top", "middle"])
    @pytest.mark.parametrize("kind", ["woman", "man"])
    def test_face_is_detected_in_crop(self, mobilenet: StoredModel, kind: str, where: str) -> None:
        frame = next(demo.footage().frames(((kind, 1),)))
        find = detector.load(mobilenet)
        box = find(frame[None]).boxes[0]
        x1, y1, x2, _ = box.astype(int)
        left, right, top = {"left": (x1, 640, 0), "right": (0, x2, 0), "top": (0, 640, y1)}.get(where, (0, 640, 0))
        cropped = frame[top:, left:right].copy()
        data, width, height = crops.cut(cropped, find(cropped[None]).boxes[0])

        class Picture:
            def read(self) -> bytes:
                return data

        unreadable: list[tuple[int, str]] = []
        again = portraits.open_detector(mobilenet.card.id, torch.device("cpu"))
        (found,) = portraits.find([Picture()], again, unreadable)
        assert found.detected.all()
        x1, y1, x2, y2 = found.boxes[0] - 0.15 * width  # where it was before it was padded
        assert abs((x1 + x2) / 2 - width / 2) < 0.1 * width
        assert 0.35 < (y2 - y1) / height < 0.65
