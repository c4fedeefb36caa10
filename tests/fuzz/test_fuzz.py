"""A small part of `make fuzz`, and its own tools."""

import sys
from pathlib import Path

import numpy as np
import pytest

from gfpipe.choices import Sampling
from tests.fuzz import __main__ as fuzz
from tests.fuzz import clips
from tests.fuzz.intact import Clip, clip, expected
from tests.fuzz.mutators import MUTATORS, Mutator, mutate
from tests.fuzz.trial import Result, read


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return clip(clips.write(tmp_path_factory.mktemp("fuzz"), clips.Kind("ts", "mpeg2video")))


@pytest.mark.parametrize("sampling", list(Sampling))
def test_an_intact_clip_is_read_without_a_wrong_picture(intact: Clip, sampling: Sampling) -> None:
    right = expected(intact, "", intact.data)
    found = read(intact.path, sampling, right)
    assert list(right.stretches) == [(0.0, float(clips.SECONDS))]
    assert found.analysed_seconds == pytest.approx(clips.SECONDS, abs=0.04)
    assert (found.result, found.samples, found.wrong, found.unnoticed) == (Result.DONE, clips.SECONDS, False, 0)


def test_wrong_pictures_of_intact_stretches_are_noticed(intact: Clip, tmp_path: Path) -> None:
    """Two seconds in the middle are taken for intact, but come from elsewhere."""
    at = [offset for _, offset in intact.starts]
    forged = tmp_path / "forged.ts"
    forged.write_bytes(intact.data[: at[2]] + intact.data[at[6] : at[8]] + intact.data[at[4] :])
    assert read(forged, Sampling.KEYFRAMES, expected(intact, "", intact.data)).wrong


def test_stretches_beside_damage_are_not_taken_for_intact(intact: Clip) -> None:
    at = [offset for _, offset in intact.starts]
    zeroed = intact.data[: at[4]] + bytes(1000) + intact.data[at[4] + 1000 :]
    assert expected(intact, "zero", zeroed).stretches == ((0.0, 3.0), (6.0, 10.0))
    shorter = intact.data[: at[4]] + intact.data[at[5] :]
    assert expected(intact, "delete", shorter).stretches == ((0.0, 3.0), (7.0, 10.0))
    assert expected(intact, "truncate", intact.data[:100]).stretches == ()


def test_the_same_seed_gives_the_same_damage() -> None:
    data = np.random.default_rng(0).bytes(20_000)
    first, again = (mutate(data, np.random.default_rng([1, 2])) for _ in range(2))
    assert first == again
    assert first[1] != data


@pytest.mark.parametrize("mutator", MUTATORS, ids=lambda mutator: str(mutator.__name__))
def test_every_mutator_takes_short_and_long_files(mutator: Mutator) -> None:
    for size in (65, 20_000):
        data = np.random.default_rng(size).bytes(size)
        assert mutator(data, np.random.default_rng(3)) is not None


@pytest.mark.slow
def test_damaged_files_end_in_right_samples_or_in_a_failure_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz", "--first", "7", "--mutants", "6", "--seed", "7"])
    assert fuzz.main() == 0
