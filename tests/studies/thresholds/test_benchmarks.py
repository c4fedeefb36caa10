"""A benchmark plays an archive: what a model says of its pictures counts, and no label is looked at."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from gfpipe.curation import sets
from gfpipe.curation.selection import Rules, select
from gfpipe.curation.sets import Source
from gfpipe.studies.thresholds import benchmarks
from gfpipe.training.data import datasets
from gfpipe.training.data.datasets import LabelledImage
from tests.training import faces as hand

P_FEMALE = np.array([0.99, 0.2, 0.7, np.nan, 0.02, 0.4])


def pictures(folder: Path) -> list[LabelledImage]:
    return [LabelledImage(hand.write(folder / f"{number}.jpg", number), "male") for number in range(len(P_FEMALE))]


def test_faces_that_were_found_are_candidates_with_what_the_model_says(tmp_path: Path) -> None:
    images = pictures(tmp_path)
    candidates, which = benchmarks.from_dataset(images, P_FEMALE)
    assert which.tolist() == [0, 1, 2, 4, 5]
    assert candidates.p_female.tolist() == [0.99, 0.2, 0.7, 0.02, 0.4]
    assert candidates.path.tolist() == [str(images[place].path) for place in which]
    assert len(set(candidates.recording_id.tolist())) == 5, "each picture is a recording of its own"


def test_labels_change_nothing_and_neither_do_names(tmp_path: Path) -> None:
    images = pictures(tmp_path / "one")
    other = [replace(image, perceived_gender="female") for image in pictures(tmp_path / "two")]
    rules = Rules(0.0, 0.0, validation=0.0)
    chosen = []
    for each in (images, other):
        candidates, _ = benchmarks.from_dataset(each, P_FEMALE)
        selection = select(candidates, rules)
        chosen.append(candidates.recording_id[selection.chosen].tolist())
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 4


def test_pictures_that_are_gone_are_no_candidates(tmp_path: Path) -> None:
    images = pictures(tmp_path)
    images[0].path.unlink()
    images[1].path.write_bytes(b"no picture")
    _, which = benchmarks.from_dataset(images, P_FEMALE)
    assert which.tolist() == [2, 4, 5]


def test_a_set_of_a_benchmark_is_learned_from_by_the_model_s_side(tmp_path: Path) -> None:
    candidates, _ = benchmarks.from_dataset(pictures(tmp_path / "pictures"), P_FEMALE)
    rules = Rules(0.0, 0.0, validation=0.0)
    folder = tmp_path / "study" / "sets" / "t0"
    sets.write(folder, candidates, select(candidates, rules), rules, Source("faces", (), {}), soft=True)
    found = datasets.read(f"curated={folder}")
    assert not found.broadcast
    assert not found.skipped
    assert {image.part for image in found.images} == {"train"}
    for image in found.images:
        assert image.p_female is not None
        assert (image.perceived_gender == "female") == (image.p_female >= 0.5)
