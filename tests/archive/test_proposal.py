"""Patterns that are proposed for an archive: each file is read with its channel, date and time."""

from pathlib import Path

import pytest

from gfpipe.archive.pattern import Pattern
from gfpipe.archive.proposal import propose


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("tv1/2024-03-31/2000_news.ts", "{channel}/{date}/{time}_{programme}.{ext}"),
        ("tv1/2024/03/31/2000_news.ts", "{channel}/{year}/{month}/{day}/{time}_{programme}.{ext}"),
        ("2024-03-31/tv1/20h00.mp4", "{date}/{channel}/{time}.{ext}"),
        ("tv1/2024-03-31_20-00_news.mpg", "{channel}/{date}_{time}_{programme}.{ext}"),
        ("tv1_20240331T2000_news.ts", "{channel}_{date}T{time}_{programme}.{ext}"),
        ("tv1-20240331200000.ts", "{channel}-{date}{time}.{ext}"),
        ("2024.03.31 tv1 - news.avi", "{date} {channel} - {programme}.{ext}"),
        ("archive/tv1/news 2024-03-31.mkv", None),
        ("holiday.mp4", None),
    ],
)
def test_a_pattern_is_proposed_for_paths_of_many_kinds(tmp_path: Path, path: str, pattern: str | None) -> None:
    for day in ("30", "31"):
        file = tmp_path / path.replace("31", day)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = propose(tmp_path)
    if path == "holiday.mp4":
        assert found is None
        return
    assert found is not None
    assert (found.fits, found.sampled) == (2, 2)
    match = Pattern(found.pattern).match(path)
    assert match is not None
    if pattern:
        assert found.pattern == pattern
        assert match.channel == "tv1"
