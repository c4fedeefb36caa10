"""Shots and tracks of real footage, as an analysis writes them."""

from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from gfpipe.choices import Device, Sampling
from gfpipe.recording import Status
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import demo
from gfpipe.video.encode import write_video
from tests.pipeline.archives import FPS, analyse_all, programme

pytestmark = pytest.mark.slow

NIGHT = "tv/2001-03-04"
SHOTS = (("woman", 5), ("both", 4), ("man", 6), ("both", 3), ("woman", 4))


def rows(lake: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ds.dataset(lake / table / "v1").to_table().to_pylist()
    return found


@pytest.mark.parametrize("sampling", Sampling)
def test_each_person_of_each_shot_is_one_track(tmp_path: Path, sampling: Sampling) -> None:
    path = tmp_path / "archive" / NIGHT / "2000_news.mp4"
    path.parent.mkdir(parents=True)
    cuts = list(accumulate(seconds for _, seconds in SHOTS))[:-1]
    write_video(path, demo.footage().frames(SHOTS), FPS, gop=50, keyframes={cut * FPS for cut in cuts})
    analyse_all(tmp_path / "archive", tmp_path / "lake", Analysis(sampling=sampling, device=Device.CPU))
    samples = {row["sample_index"]: row for row in rows(tmp_path / "lake", "samples")}
    middle = 0.5 if sampling == "exact" else 0.0
    for row in samples.values():
        assert row["shot"] == sum(cut <= row["seconds"] + middle for cut in cuts)
    tracks: dict[int, list[dict[str, Any]]] = {}
    for face in rows(tmp_path / "lake", "faces"):
        tracks.setdefault(face["track_id"], []).append(face)
    assert sorted(tracks) == list(range(7))  # 1 + 2 + 1 + 2 + 1 people
    for track in tracks.values():
        at = sorted(face["sample_index"] for face in track)
        assert at == list(range(at[0], at[-1] + 1))
        assert len({samples[index]["shot"] for index in at}) == 1
    assert max(map(len, tracks.values())) >= 6


def test_no_track_crosses_lost_time(tmp_path: Path) -> None:
    path = programme(tmp_path / "archive", f"{NIGHT}/2000_news.ts", 20)
    broadcast = path.read_bytes()
    third = len(broadcast) // 3 // 188 * 188
    path.write_bytes(broadcast[:third] + broadcast[2 * third :])
    (summary,) = analyse_all(tmp_path / "archive", tmp_path / "lake", Analysis(device=Device.CPU))
    assert summary.status is Status.PARTIAL
    samples = sorted(rows(tmp_path / "lake", "samples"), key=lambda row: row["seconds"])
    (gap,) = (
        index
        for index, (row, after) in enumerate(pairwise(samples))
        if after["seconds"] - row["seconds"] - row["step_seconds"] > 1
    )
    assert samples[gap + 1]["shot"] == samples[gap]["shot"] + 1
    faces = {row["sample_index"]: row["track_id"] for row in rows(tmp_path / "lake", "faces")}
    assert faces[gap] == faces[gap - 1]
    assert faces[gap + 1] == faces[gap + 2] != faces[gap]


def test_every_cut_of_a_broadcast_is_detected(shared: Path, tmp_path: Path) -> None:
    """A performer, and shots of an audience, on a dark stage: cuts 0.67, 2.74 and 7.04 s after the first frame."""
    line = f"{shared}/video/short_hamilton_clip.mp4,tv,show,2001-03-04T20:00Z"
    (tmp_path / "night.csv").write_text(f"path,channel,programme,start\n{line}\n")
    analyse_all(tmp_path / "night.csv", tmp_path / "lake", Analysis(every_seconds=0.5, device=Device.CPU))
    samples = sorted(rows(tmp_path / "lake", "samples"), key=lambda row: row["seconds"])
    first = samples[0]["seconds"]  # its sound starts earlier
    starts = [row["seconds"] - first for before, row in pairwise(samples) if row["shot"] != before["shot"]]
    for cut in (0.67, 2.74, 7.04):
        assert min(abs(cut - start) for start in starts) <= 0.5
    assert len(starts) <= 4
