"""Workers of a Dask cluster that are killed."""

from pathlib import Path

import pytest

from tests.kills import workers


@pytest.mark.slow
def test_each_recording_counts_once_although_workers_are_killed(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    recordings = workers.archive(tmp_path, 10)
    counts = workers.killed(tmp_path, recordings, 1.0, 2.0)
    assert counts["kills"] > 0
    assert [name for name in counts if name.startswith("failed")] == ["failed: news 9"]
    assert workers.samples(tmp_path / "lake") == [40] * 9
