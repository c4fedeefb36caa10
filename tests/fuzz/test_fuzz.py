"""A small part of `make fuzz`, and its own tools."""

import sys
from pathlib import Path

import numpy as np
import pytest

from gfpipe.choices import Sampling
from tests.fuzz import __main__ as fuzz
from tests.fuzz import clips
from tests.fuzz.mutators import MUTATORS, Mutator, mutate
from tests.fuzz.trial import Result, read


@pytest.mark.parametrize("sampling", list(Sampling))
def test_an_intact_clip_is_read_without_a_wrong_picture(tmp_path: Path, sampling: Sampling) -> None:
    found = read(clips.write(tmp_path, clips.Kind("mp4", "libx264")), sampling)
    assert found.analysed_seconds == pytest.approx(clips.SECONDS, abs=0.04)
    assert (found.result, found.samples, found.shifted, found.garbled) == (Result.DONE, clips.SECONDS, 0, 0)


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
def test_damaged_files_end_in_samples_or_in_a_failure_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz", "--mutants", "8", "--seed", "7"])
    assert fuzz.main() == 0
