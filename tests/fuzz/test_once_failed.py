"""Damaged files that were once read wrongly, made again by their numbers in `make fuzz`."""

from pathlib import Path

import pytest

from gfpipe.choices import Sampling
from tests.fuzz.__main__ import mutant
from tests.fuzz.clips import KINDS, write
from tests.fuzz.intact import clip, expected
from tests.fuzz.trial import Result, read

ONCE_WRONG = {409: "packets after the last frame were no loss: 2,420 s of a clip of 10 s"}  # numbers, of seed 1


@pytest.mark.parametrize("sampling", list(Sampling))
@pytest.mark.parametrize("number", ONCE_WRONG)
def test_it_is_read_rightly_now(tmp_path: Path, number: int, sampling: Sampling) -> None:
    damaged = mutant(clip(write(tmp_path, KINDS[number % len(KINDS)])), 1, number)
    path = tmp_path / "damaged"
    path.write_bytes(damaged.data)
    found = read(path, sampling, expected(damaged.original, damaged.damage, damaged.data))
    assert found.result in (Result.DONE, Result.PARTIAL, Result.FAILED), found.problem
    assert not found.wrong, found.problem
