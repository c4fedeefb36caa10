"""Shots and tracks: motion continues them, cuts end them, independently of batches."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from gfpipe.faces.detector import Detections
from gfpipe.faces.tracks import Samples, Tracker, Tracks, colours, frame_change, match
from gfpipe.video.frames import FrameBatch
from gfpipe.video.pictures.picture import Picture

HEIGHT, WIDTH = 90, 160
Box = tuple[float, float, float, float]
HERE: Box = (60, 20, 80, 45)
THERE: Box = (110, 20, 130, 45)


def scene(seed: int) -> NDArray[np.uint8]:
    """A frame of coloured patches."""
    patches = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return patches.repeat(10, axis=0).repeat(10, axis=1)


def batch(pictures: Sequence[NDArray[np.uint8]], start: float = 0.0, step: float = 1.0) -> Samples:
    n = len(pictures)
    seconds = start + step * np.arange(n, dtype=np.float64)
    return Samples.of(FrameBatch(tuple(map(Picture.of_pixels, pictures)), seconds, np.full(n, step)))


def faces(*of_each_frame: Sequence[Box]) -> Detections:
    index = [frame for frame, boxes in enumerate(of_each_frame) for _ in boxes]
    boxes = np.array([box for boxes in of_each_frame for box in boxes], np.float32).reshape(-1, 4)
    n = len(index)
    return Detections(np.array(index, np.int64), boxes, np.zeros((n, 5, 2), np.float32), np.ones(n, np.float32))


def follow(pictures: Sequence[NDArray[np.uint8]], *of_each_frame: Sequence[Box]) -> Tracks:
    return Tracker()(batch(pictures), faces(*of_each_frame))


def test_faces_below_the_counting_score_have_no_track_and_do_not_disturb_others() -> None:
    pictures = [scene(1)] * 3
    certain = faces([HERE], [HERE], [HERE])
    mixed = faces([HERE, HERE], [HERE], [HERE, HERE])
    mixed.scores[[1, 4]] = 0.7
    assert Tracker()(batch(pictures), certain).track_id.tolist() == [0, 0, 0]
    tracks = Tracker()(batch(pictures), mixed)
    assert tracks.track_id.tolist() == [0, -1, 0, 0, -1]
    assert tracks.stored_track_id.tolist() == [0, None, 0, 0, None]


def test_cut_starts_shot_and_track() -> None:
    tracks = follow([scene(1), scene(1), scene(2), scene(2)], [HERE], [HERE], [HERE], [HERE])
    assert tracks.shot.tolist() == [0, 0, 1, 1]
    assert tracks.track_id.tolist() == [0, 0, 1, 1]


def test_camera_motion_starts_no_shot() -> None:
    panned = [np.roll(scene(1), 12 * frame, axis=1) for frame in range(6)]
    assert set(follow(panned, *[[HERE]] * 6).shot.tolist()) == {0}


def test_lost_time_starts_shot() -> None:
    tracker = Tracker()
    before = tracker(batch([scene(1)] * 2), faces([HERE], [HERE]))
    after = tracker(batch([scene(1)] * 2, start=2.5), faces([HERE], [HERE]))
    assert [*before.shot, *after.shot] == [0, 0, 1, 1]
    assert [*before.track_id, *after.track_id] == [0, 0, 1, 1]


def test_threshold_adapts_to_motion() -> None:
    """Two people in turn before one backdrop, and one moving person."""

    def covered(share: float) -> NDArray[np.uint8]:
        picture = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
        picture[:, : round(WIDTH * share)] = (30, 60, 160)
        return picture

    calm = [covered(0.3)] * 6 + [covered(0.42)]
    lively = [covered(0.3 + 0.12 * (frame % 2)) for frame in range(7)]
    assert follow(calm, *[[]] * 7).shot.tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert set(follow(lively, *[[]] * 7).shot.tolist()) == {0}


def test_result_does_not_depend_on_batches() -> None:
    rng = np.random.default_rng(0)
    pictures = [scene(frame // 7) for frame in range(40)]
    boxes = [[(x, 20.0, x + 20, 45.0) for x in rng.uniform(0, 130, rng.integers(0, 4)).tolist()] for _ in pictures]
    whole = follow(pictures, *boxes)
    assert whole.shot.max() == 5
    assert 0 < whole.track_id.max() < len(whole.track_id) - 1
    tracker, begin, parts = Tracker(), 0, []
    for length in (1, 2, 6, 1, 10, 20):
        span = slice(begin, begin + length)
        parts.append(tracker(batch(pictures[span], start=begin), faces(*boxes[span])))
        begin += length
    assert np.concatenate([part.shot for part in parts]).tolist() == whole.shot.tolist()
    assert np.concatenate([part.track_id for part in parts]).tolist() == whole.track_id.tolist()


def test_track_ids_are_consecutive() -> None:
    tracks = follow([scene(1)] * 4, [], [HERE, THERE], [], [THERE])
    assert tracks.track_id.tolist() == [0, 1, 2]
    assert follow([scene(1)], []).track_id.tolist() == []


def test_face_may_move_by_its_width() -> None:
    x1, y1, x2, y2 = HERE
    moved = (x1 + 20, y1, x2 + 20, y2)
    assert follow([scene(1)] * 2, [HERE], [moved]).track_id.tolist() == [0, 0]
    assert follow([scene(1)] * 2, [HERE], [THERE]).track_id.tolist() == [0, 1]


@pytest.mark.parametrize(("times", "same"), [(1.8, True), (2.2, False), (0.6, True), (0.4, False)])
def test_size_change_is_limited(times: float, same: bool) -> None:
    x1, y1, x2, y2 = HERE
    grown = (x1, y1, x1 + times * (x2 - x1), y1 + times * (y2 - y1))
    assert follow([scene(1)] * 2, [HERE], [grown]).track_id.tolist() == [0, 0 if same else 1]


def test_matching_is_optimal_not_greedy() -> None:
    """Both move to the right, the first close to the second one's previous position."""
    first, second = np.array([[40, 20, 60, 45], [60, 20, 80, 45]]), np.array([[52, 20, 72, 45], [72, 20, 92, 45]])
    before, now = match(first.astype(np.float32), second.astype(np.float32))
    assert dict(zip(before.tolist(), now.tolist(), strict=True)) == {0: 0, 1: 1}


def test_matching_does_not_depend_on_pixel_aspect() -> None:
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 100, (2, 8, 2)).astype(np.float32)
    boxes = [np.hstack((corner, corner + rng.uniform(10, 30, (8, 2)))).astype(np.float32) for corner in corners]
    square = match(boxes[0], boxes[1])
    wide = match(*(corners * np.array([16, 11, 16, 11], np.float32) for corners in boxes))
    assert [side.tolist() for side in square] == [side.tolist() for side in wide]
    assert len(square[0]) > 2


def test_histograms_sum_to_one() -> None:
    extremes = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)
    pictures = np.stack([np.broadcast_to(colour, (37, 53, 3)) for colour in extremes])
    histograms = colours(pictures)
    assert histograms.shape == (6, 112)
    np.testing.assert_allclose(histograms.sum(axis=1), 1)
    assert len(set(histograms.argmax(axis=1).tolist())) == 6
    assert frame_change(histograms[:1], histograms[1:2]).tolist() == [1.0]
    assert frame_change(histograms, histograms).tolist() == [0.0] * 6


def test_greys_and_dark_colours_are_distinguished() -> None:
    """As in black-and-white films and dark scenes."""
    flat = [np.full((1, 20, 20, 3), level, np.uint8) for level in (40, 60, 120, 200)]
    dark = [np.broadcast_to(np.array(colour, np.uint8), (1, 20, 20, 3)) for colour in ((40, 20, 16), (16, 20, 40))]
    assert len({colours(picture).argmax() for picture in (*flat, *dark)}) == 6
