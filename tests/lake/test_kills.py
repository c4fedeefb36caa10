"""Work that is killed at each rename: nothing wrong, nothing lost, nothing left (``make kills`` tries it at random)."""

from pathlib import Path

import pytest

from tests.kills.scenarios import SCENARIOS
from tests.kills.trial import Trial


@pytest.mark.slow
def test_a_kill_at_any_rename_leaves_the_old_labels_or_the_new(tmp_path: Path) -> None:
    trial = Trial(SCENARIOS["labels"], tmp_path)
    trial.kill_at_renames()
    counts = dict(trial.counts)
    assert counts.pop("trials") == counts.pop("interrupted") >= 6
    assert not any(counts.values()), counts
