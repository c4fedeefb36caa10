"""The interval of the corrected share contains the true share of footage with known screen time."""

import csv
from collections.abc import Iterator
from itertools import accumulate, chain, cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gfpipe import warehouse
from gfpipe.estimates.question import Question
from gfpipe.stages.figures import publish, stats
from gfpipe.stages.labels import label
from gfpipe.video.encode import write_video
from tests.pipeline.archives import analyse_all
from tests.pipeline.test_truth import MEN, WOMEN, fitted

_SHOTS = 3
_SECONDS = 8
_FPS = 5  # one sample a second needs no more


def clips_of(programme: int) -> list[str]:
    """Three shots a programme: women in about half of them, and never the same order twice."""
    chosen = np.random.default_rng(programme)
    return [str(chosen.choice(WOMEN if chosen.random() < 0.5 else MEN)) for _ in range(_SHOTS)]


@pytest.fixture(scope="module")
def lake(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve programmes on two channels, analysed, labelled in a third of the pictures, and published."""
    folder = tmp_path_factory.mktemp("corrected")
    clips = {name: fitted(shared / "video" / name) for name in (*WOMEN, *MEN)}

    def frames(names: list[str]) -> Iterator[NDArray[np.uint8]]:
        for name in names:
            yield from islice(cycle(chain(clips[name], reversed(clips[name]))), _SECONDS * _FPS)

    cuts = set(accumulate([_SECONDS * _FPS] * _SHOTS))
    for number in range(12):
        path = folder / "archive" / f"{'one' if number % 2 else 'two'}/2001-03-{number + 1:02}/1900_{number}.mp4"
        path.parent.mkdir(parents=True)
        write_video(path, frames(clips_of(number)), _FPS, gop=10, keyframes=cuts)
    analyse_all(folder / "archive", folder / "lake")
    warehouse.build(folder / "lake")
    answer(folder / "lake", folder / "labels.csv")
    publish.run(folder / "lake")
    return folder / "lake"


def answer(lake: Path, file: Path) -> None:
    """Label the largest face of a random third of the pictures; all other detections are labelled as no face."""
    chance = np.random.default_rng(0)
    with warehouse.open(lake) as db:
        faces = db.query(
            "select recording_id, programme, seconds, x1, y1, x2, y2 from faces inner join samples using "
            "(recording_id, sample_index) inner join recordings using (recording_id) "
            "where height_360 >= 24 and detector_score >= 0.9 order by recording_id, sample_index, y2 - y1 desc"
        ).to_pylist()
    pictures = sorted({(face["recording_id"], face["seconds"]) for face in faces})
    drawn = {picture for picture in pictures if chance.random() < 1 / 3}
    faces = [face for face in faces if (face["recording_id"], face["seconds"]) in drawn]
    with file.open("w", newline="") as text:
        table = csv.writer(text)
        table.writerow(["recording", "seconds", "box", "answer"])
        last: Any = None
        for face in faces:
            picture = face["recording_id"], face["seconds"]
            clip = clips_of(int(face["programme"]))[int((face["seconds"] + 0.01) // _SECONDS)]
            said = "no_face" if picture == last else "female" if clip in WOMEN else "male"
            box = " ".join(str(face[edge]) for edge in ("x1", "y1", "x2", "y2"))
            table.writerow([face["recording_id"], face["seconds"] + 0.01, box, said])
            last = picture
    assert label.run(str(lake), file).labels == len(faces)


@pytest.mark.slow
def test_the_interval_of_the_corrected_share_holds_the_truth(lake: Path) -> None:
    truth = np.mean([clip in WOMEN for number in range(12) for clip in clips_of(number)])
    (row,) = stats.run(lake, Question()).to_pylist()
    assert row["correction_note"] is None
    assert row["share_female_face_time_corrected_low"] < truth < row["share_female_face_time_corrected_high"]
    assert row["share_female_face_time_corrected"] == pytest.approx(truth, abs=0.02)


@pytest.mark.slow
def test_corrected_seconds_are_nearer_to_the_truth_than_raw_ones(lake: Path) -> None:
    """Each clip shows one person throughout, so that presence is the duration of the shots."""
    (row,) = stats.run(lake, Question()).to_pylist()
    seconds = 12 * _SHOTS * _SECONDS
    women = sum(clip in WOMEN for number in range(12) for clip in clips_of(number)) * _SECONDS
    for name, truth in (("female", women), ("male", seconds - women)):
        raw = abs(row[f"{name}_presence_seconds"] - truth) / seconds
        corrected = abs(row[f"share_{name}_presence_time_corrected"] - truth / seconds)
        assert corrected <= raw + 0.005
