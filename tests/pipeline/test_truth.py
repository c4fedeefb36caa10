"""Archives cut from real footage whose screen time is known to the frame."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gfpipe import warehouse
from gfpipe.choices import Sampling
from gfpipe.recording import Status, Summary
from gfpipe.settings import Analysis
from gfpipe.video.encode import read_frames, write_video
from tests.pipeline.archives import analyse_all, totals

FPS = 25
WIDTH, HEIGHT = 640, 360

WOMEN = ("akiyo_cif.mp4", "portrait_d3.mp4", "portrait_d10.mp4", "portrait_s18.mp4", "portrait_s13.mp4")
MEN = ("portrait_d9.mp4", "portrait_d12.mp4")


@dataclass(frozen=True)
class Shot:
    clip: str
    seconds: int


# Two channels, six programmes of a minute and more, in both containers; '' is a shot of nobody.
PROGRAMMES = {
    "one/2001-03-04/1900_news.mp4": (
        Shot(WOMEN[0], 12),
        Shot(MEN[0], 19),
        Shot("", 8),
        Shot(WOMEN[1], 11),
        Shot(MEN[1], 12),
    ),
    "one/2001-03-04/2000_talk.ts": (Shot(MEN[0], 25), Shot(WOMEN[3], 20), Shot(MEN[1], 17)),
    "one/2001-03-05/1900_news.mp4": (Shot(WOMEN[1], 20), Shot("", 15), Shot(WOMEN[0], 13), Shot(MEN[0], 14)),
    "two/2001-03-04/1900_news.ts": (Shot("", 10), Shot(MEN[1], 18), Shot(WOMEN[2], 22), Shot("", 11)),
    "two/2001-03-05/1900_news.ts": (Shot(WOMEN[2], 30), Shot(MEN[0], 30)),
    "two/2001-03-05/2000_film.mp4": (Shot(MEN[0], 15), Shot(WOMEN[4], 16), Shot(MEN[1], 14), Shot("", 16)),
}


def fitted(path: Path) -> list[NDArray[np.uint8]]:
    """A clip's frames within 640x360, on grey."""
    frames = []
    for frame in read_frames(path, height=HEIGHT, width=_width_at(path)):
        canvas = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        left = (WIDTH - frame.shape[1]) // 2
        canvas[:, left : left + frame.shape[1]] = frame
        frames.append(canvas)
    return frames


def _width_at(path: Path) -> int:
    height, width = next(read_frames(path)).shape[:2]
    return int(min(round(width * HEIGHT / height / 2) * 2, WIDTH))


@pytest.fixture(scope="module")
def archive(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("truth")
    clips = {name: fitted(shared / "video" / name) for name in (*WOMEN, *MEN)}
    clips[""] = [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)]

    def frames(shots: tuple[Shot, ...]) -> Iterator[NDArray[np.uint8]]:
        for shot in shots:
            there_and_back = chain(clips[shot.clip], reversed(clips[shot.clip]))
            yield from islice(cycle(there_and_back), shot.seconds * FPS)

    for name, shots in PROGRAMMES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        broadcast = path.suffix == ".ts"
        write_video(
            path,
            frames(shots),
            FPS,
            codec="mpeg2video" if broadcast else "libx264",
            bit_rate=4_000_000 if broadcast else 0,
            gop=12 if broadcast else 50,
            keyframes=set(accumulate(shot.seconds * FPS for shot in shots)),
            start_seconds=7_200.5 if broadcast else 0.0,
        )
    return folder


@dataclass(frozen=True)
class Analysed:
    """The archive after an analysis."""

    sampling: Sampling
    lake: Path
    summaries: list[Summary]


@pytest.fixture(scope="module", params=[Sampling.EXACT, Sampling.KEYFRAMES])
def analysed(request: pytest.FixtureRequest, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    lake = tmp_path_factory.mktemp("lake")
    return Analysed(request.param, lake, analyse_all(archive, lake, Analysis(sampling=request.param)))


@pytest.mark.slow
def test_face_time_by_perceived_gender_is_that_of_the_footage(archive: Path, analysed: Analysed) -> None:
    seconds = {name: sum(shot.seconds for shot in shots) for name, shots in PROGRAMMES.items()}
    for summary in analysed.summaries:
        aired = seconds[Path(summary.recording.path).relative_to(archive).as_posix()]
        assert summary.status is Status.DONE
        assert summary.analysed_seconds == pytest.approx(aired, abs=1 / FPS)
    tolerance = {Sampling.EXACT: 0.03, Sampling.KEYFRAMES: 0.05}[analysed.sampling]
    found = totals(analysed.lake)
    for column, clips in {"female_face_seconds": WOMEN, "male_face_seconds": MEN}.items():
        true = sum(shot.seconds for shots in PROGRAMMES.values() for shot in shots if shot.clip in clips)
        assert sum(row[column] for row in found) == pytest.approx(true, rel=tolerance)


@pytest.mark.slow
def test_tracks_lower_the_error_of_face_time(analysed: Analysed) -> None:
    """The rest is an error of time: a keyframe may represent a moment of the next shot."""
    warehouse.build(analysed.lake)
    with warehouse.open(analysed.lake) as db:
        (found,) = db.query("select sum(columns('face_seconds')) from rollup").to_pylist()
    true = {
        "female": sum(shot.seconds for shots in PROGRAMMES.values() for shot in shots if shot.clip in WOMEN),
        "male": sum(shot.seconds for shots in PROGRAMMES.values() for shot in shots if shot.clip in MEN),
    }
    error = {
        kind: sum(abs(found[f"{kind}{gender}_face_seconds"] - seconds) for gender, seconds in true.items())
        for kind in ("", "tracked_")
    }
    assert error["tracked_"] < error[""] / 2
    assert error["tracked_"] < {Sampling.EXACT: 0.01, Sampling.KEYFRAMES: 0.02}[analysed.sampling] * sum(true.values())
    assert found["tracked_undecided_face_seconds"] <= found["undecided_face_seconds"]


@pytest.fixture(scope="module")
def public_footage(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Every sample of four well-known clips."""
    folder = tmp_path_factory.mktemp("public")
    names = ("akiyo_cif", "bowing", "mother_daughter_cif", "short_hamilton_clip")
    rows = [f"{shared}/video/{name}.mp4,public,{name},2001-03-04T2{i}:00Z" for i, name in enumerate(names)]
    (folder / "public.csv").write_text("\n".join(["path,channel,programme,start", *rows]) + "\n")
    analyse_all(folder / "public.csv", folder / "lake", Analysis())
    warehouse.build(folder / "lake")
    with warehouse.open(folder / "lake") as db:
        samples = "select r.programme, s.* from sample_gender as s join recordings as r using (recording_id)"
        return list(db.query(f"{samples} order by r.programme, s.seconds").to_pylist())


def test_akiyo_is_a_woman_throughout(public_footage: list[dict[str, Any]]) -> None:
    samples = [row for row in public_footage if row["programme"] == "akiyo_cif"]
    assert sum(row["step_seconds"] for row in samples) == pytest.approx(12, abs=1 / 25)
    assert {(row["female_faces"], row["male_faces"], row["undecided_faces"]) for row in samples} == {(1, 0, 0)}


def test_bowing_shows_a_man_while_he_is_in_the_room(public_footage: list[dict[str, Any]]) -> None:
    samples = [row for row in public_footage if row["programme"] == "bowing"]
    on_screen = [row for row in samples if row["male_faces"]]
    assert not any(row["female_faces"] for row in samples)
    begin, end = on_screen[0]["seconds"], on_screen[-1]["seconds"] + on_screen[-1]["step_seconds"]
    assert begin == pytest.approx(35 / 29.97, abs=1.0)
    assert end == pytest.approx(215 / 29.97, abs=1.0)
