"""Reclassification gives the rows of a new analysis, and a kill loses nothing."""

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gfpipe.choices import Device, Sampling
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import provenance, shards, tables
from gfpipe.lake.index import earlier
from gfpipe.models import champion, store
from gfpipe.recording import Recording, Status, Summary
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import demo, reclassify
from gfpipe.video.encode import write_video
from gfpipe.video.reader import open_video
from tests.pipeline.archives import FPS, analyse_all, totals

pytestmark = pytest.mark.slow

OLD = Analysis(classifier=champion.FIRST, device=Device.CPU)
SHOTS = (("both", 3), ("street", 2), ("woman", 3))
SPENT = {"analysed_at", *(f"{step}_seconds" for step in ("decode", "detect", "chips", "classify", "write"))}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shots of two people, none and one, in both containers, with pixels that are not square."""
    folder = tmp_path_factory.mktemp("archive") / "tv" / "2001-03-04"
    folder.mkdir(parents=True)
    source = demo.footage()
    write_video(folder / "2000_film.mp4", source.frames(SHOTS), FPS, gop=50, keyframes={75, 125})
    write_video(
        folder / "2100_news.ts",
        source.frames(SHOTS),
        FPS,
        codec="mpeg2video",
        bit_rate=3_000_000,
        gop=12,
        pixel_aspect=Fraction(16, 15),
        start_seconds=7_200.5,
    )
    return folder.parent.parent


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """A classifier with another chip size than the old one and the opposite output."""
    old = store.open_model(OLD.classifier)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GFPIPE_MODELS", str(tmp_path_factory.mktemp("models")))
        card = replace(old.card, id="contrary", input=replace(old.card.input, half_pixel_views=False))
        weights = {name: w.flip(0) if name.startswith("head.") else w for name, w in old.weights.items()}
        return replace(OLD, classifier=str(store.save_model(card, weights)))


def rows(lake: Path, table: str) -> list[dict[str, Any]]:
    files = sorted((lake / table / "v1").rglob("[!._]*.parquet"))
    found = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    return sorted(found, key=lambda row: [str(row.get(key)) for key in ("recording_id", "model_id")])


def reclassify_all(lake: Path, config: Analysis) -> list[Summary]:
    return [reclassify.run(recording, str(lake), config) for recording in earlier.analysed(str(lake))]


@pytest.mark.parametrize("sampling", Sampling)
def test_reclassification_equals_a_new_analysis(
    archive: Path, tmp_path: Path, new: Analysis, sampling: Sampling
) -> None:
    lake, fresh = tmp_path / "lake", tmp_path / "fresh"
    old, new = replace(OLD, sampling=sampling, every_seconds=0.5), replace(new, sampling=sampling, every_seconds=0.5)
    analyse_all(archive, lake, old)
    before = rows(lake, "attributes")
    summaries = reclassify_all(lake, replace(OLD, classifier=new.classifier))  # the lake knows how it was sampled
    analyse_all(archive, fresh, new)
    assert [summary.status for summary in summaries] == [Status.DONE, Status.DONE]
    assert rows(lake, "samples") == rows(fresh, "samples")
    assert [each | dict.fromkeys(SPENT) for each in rows(lake, "recordings")] == [
        each | dict.fromkeys(SPENT) for each in rows(fresh, "recordings")
    ]
    assert rows(lake, "faces") == rows(fresh, "faces")
    after = rows(lake, "attributes")
    by_new = [row for row in after if row["model_id"] == "contrary"]
    by_old = [row | {"config_digest": ""} for row in after if row["model_id"] != "contrary"]
    expected = rows(fresh, "attributes")
    assert by_old == [row | {"config_digest": ""} for row in before]
    assert len(by_new) == len(expected) > 30
    assert [row | {"p_female": 0} for row in by_new] == [row | {"p_female": 0} for row in expected]
    # Where pixels are no squares, landmarks went to pixels of the source and back, in single precision.
    for row, like in zip(by_new, expected, strict=True):
        assert row["p_female"] == pytest.approx(like["p_female"], abs=0 if "film" in row["recording_id"] else 1e-4)
    assert totals(lake) == totals(fresh)


@pytest.fixture(scope="module")
def analysed(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that was analysed under the old model."""
    lake = tmp_path_factory.mktemp("analysed")
    analyse_all(archive, lake, OLD)
    return lake


@pytest.fixture
def lake(analysed: Path, tmp_path: Path) -> Path:
    """A copy of the lake for one test."""
    return Path(shutil.copytree(analysed, tmp_path / "lake"))


@pytest.fixture(scope="module")
def under_new(archive: Path, new: Analysis, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Counts of a lake that was analysed under the new model."""
    lake = tmp_path_factory.mktemp("under-new")
    analyse_all(archive, lake, new)
    return totals(lake)


def recordings(lake: Path) -> list[Recording]:
    return earlier.analysed(str(lake))


def test_no_face_is_detected_again_and_a_later_analysis_has_nothing_to_do(
    archive: Path, lake: Path, new: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("faces were detected again")

    monkeypatch.setattr("gfpipe.faces.detector.Detector.in_frames", never)
    women = sum(row["female_face_seconds"] for row in totals(lake))
    assert women > 8
    assert not any(summary.reused for summary in reclassify_all(lake, new))
    assert sum(row["male_face_seconds"] for row in totals(lake)) == pytest.approx(women, abs=1)
    assert all(summary.reused for summary in analyse_all(archive, lake, new))
    assert all(summary.reused for summary in analyse_all(archive, lake, OLD))
    assert all(summary.reused for summary in reclassify_all(lake, new))
    (known,) = {reclassify.finished(recording, str(lake), new) is not None for recording in recordings(lake)}
    assert known


def test_a_promotion_is_taken_back_without_the_files(archive: Path, lake: Path, new: Analysis) -> None:
    before = {table: rows(lake, table) for table in ("recordings", "samples", "faces", "attributes")}
    reclassify_all(lake, new)
    moved = archive.rename(archive.with_name("moved"))
    try:
        assert not any(summary.reused for summary in reclassify_all(lake, OLD))
    finally:
        moved.rename(archive)
    after = {table: rows(lake, table) for table in before}
    after["attributes"] = [row for row in after["attributes"] if row["model_id"] == OLD.classifier]
    for table, expected in before.items():
        assert [row | dict.fromkeys(SPENT & set(row)) for row in after[table]] == [
            row | dict.fromkeys(SPENT & set(row)) for row in expected
        ]
    assert all(summary.reused for summary in analyse_all(archive, lake, OLD))


def test_a_model_that_was_replaced_under_its_name_classifies_again(
    lake: Path, new: Analysis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reclassify_all(lake, new)
    reclassify_all(lake, OLD)
    stored = store.open_model(new.classifier)
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path / "models"))
    certain = {name: w * 2 if name.startswith("head.") else w for name, w in stored.weights.items()}
    replaced = replace(new, classifier=str(store.save_model(stored.card, certain)))
    before = [row["p_female"] for row in rows(lake, "attributes") if row["model_id"] == "contrary"]
    reclassify_all(lake, replaced)
    assert [row["p_female"] for row in rows(lake, "attributes") if row["model_id"] == "contrary"] != before


def test_rows_of_an_earlier_method_are_brought_up_to_date_under_the_same_model(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "METHOD", 1)
        analyse_all(archive, tmp_path, OLD)
    before = rows(tmp_path, "attributes")
    reclassify_all(tmp_path, OLD)
    assert len(rows(tmp_path, "attributes")) == len(before)
    assert all(summary.reused for summary in analyse_all(archive, tmp_path, OLD))


@pytest.mark.parametrize("what", ["gone", "changed"])
def test_the_rows_of_a_changed_file_are_kept_with_a_reason(
    archive: Path, lake: Path, tmp_path: Path, new: Analysis, what: str
) -> None:
    film, news = recordings(lake)
    moved = replace(film, path=str(tmp_path / "film.mp4"))
    if what == "changed":
        Path(moved.path).write_bytes(Path(film.path).read_bytes() + b"more")
    before = {table: rows(lake, table) for table in ("recordings", "samples", "faces", "attributes")}
    summary = reclassify.run(moved, str(lake), new)
    assert summary.status is Status.FAILED
    assert {"gone": "no such file", "changed": "not the file that was analysed"}[what] in str(summary.reason)
    assert before == {table: rows(lake, table) for table in before}
    assert reclassify.run(news, str(lake), new).status is Status.DONE


def test_a_file_that_decodes_to_other_frames_is_left_as_it_was(
    lake: Path, new: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulates a decoder that returns other frames of the same file."""
    monkeypatch.setattr(
        "gfpipe.faces.reclassification.open_video",
        lambda path, sampling, *_, **__: open_video(path, sampling, every_seconds=0.5),
    )
    summaries = reclassify_all(lake, new)
    assert {summary.status for summary in summaries} == {Status.FAILED}
    assert all("other frames can be decoded today" in str(summary.reason) for summary in summaries)
    assert {row["classifier_id"] for row in rows(lake, "recordings")} == {OLD.classifier}


@pytest.mark.parametrize("survivors", range(4))
def test_a_kill_at_any_moment_loses_no_rows(
    archive: Path,
    lake: Path,
    new: Analysis,
    under_new: list[dict[str, Any]],
    survivors: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the four renames: finished recordings are complete, and another run completes the rest."""
    real, commits = tables.TableWriter.commit, 0

    def dies(table: tables.TableWriter) -> None:
        nonlocal commits
        if commits == survivors:
            raise KeyboardInterrupt
        commits += 1
        real(table)

    film, news = recordings(lake)
    monkeypatch.setattr(tables.TableWriter, "commit", dies)
    with pytest.raises(KeyboardInterrupt):
        reclassify.run(film, str(lake), new)
    monkeypatch.setattr(tables.TableWriter, "commit", real)
    assert [row["programme"] for row in totals(lake) if row["samples"]] == ["news"]
    assert shards.stored(str(lake), news) is not None
    reclassify_all(lake, new)
    analyse_all(archive, lake, new)
    assert totals(lake) == under_new


def test_impossible_reclassifications_are_errors(archive: Path, lake: Path, tmp_path: Path, new: Analysis) -> None:
    film, _ = recordings(lake)
    with pytest.raises(LakeError, match="nothing has been analysed yet; run: gfpipe analyse"):
        earlier.analysed(str(tmp_path / "nowhere"))
    with pytest.raises(LakeError, match="no analysis of it in"):
        reclassify.run(replace(film, programme="never seen"), str(lake), new)
    with pytest.raises(UsageError, match="choose one for perceived gender"):
        reclassify.prepare(replace(new, classifier=OLD.detector))


def test_a_failed_recording_is_not_reclassified(lake: Path, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "more" / "tv" / "2001-03-05").mkdir(parents=True)
    (tmp_path / "more" / "tv" / "2001-03-05" / "2000_bad.mp4").write_text("no video")
    analyse_all(tmp_path / "more", lake, OLD)
    assert [recording.programme for recording in recordings(lake)] == ["film", "news"]


def test_the_lake_lists_recordings_as_the_archive_named_them(archive: Path, tmp_path: Path) -> None:
    from gfpipe.archive import manifest
    from gfpipe.choices import DEFAULT_PATTERN

    analyse_all(archive, tmp_path, OLD, timezone="Europe/Paris")
    holdings = manifest.read(archive, DEFAULT_PATTERN, "Europe/Paris")
    assert tuple(earlier.analysed(str(tmp_path))) == holdings.recordings
    assert [each.timezone for each in earlier.analysed(str(tmp_path))] == ["Europe/Paris", "Europe/Paris"]
