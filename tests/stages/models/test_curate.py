"""A set from a lake's crops, end to end: real footage, the real analysis, the real command."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gfpipe.curation import sets
from gfpipe.curation.selection import Rules
from gfpipe.errors import UsageError
from gfpipe.lake.retention import PurgeScope
from gfpipe.stages.analysis import purge
from gfpipe.stages.models import curate
from gfpipe.training.data.records import LabelledImage
from tests.conftest import Command
from tests.curation.lakes import analyse_all, programme

RULES = Rules(0.9, 0.9, validation=0.3)


@pytest.fixture
def lake(crop_lake: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crop_lake, tmp_path / "lake"))


def test_a_set_is_made_of_pictures_that_can_be_read_and_no_programme_is_on_both_sides(lake: Path) -> None:
    heard: list[tuple[int, int | None]] = []
    summary = curate.run(curate.Config(lake, "march", RULES), lambda now: heard.append((now.done, now.total)))
    assert heard[-1] == (30, 30)
    assert summary.folder == lake / "sets/march"
    assert summary.card == sets.read_card(summary.folder)
    rows = pq.read_table(summary.folder / "faces.parquet").to_pylist()
    for row in rows:
        assert LabelledImage(lake / row["path"], row["perceived_gender"], row=row["row"]).read()[:2] == b"\xff\xd8"
    parts = {part: {row["recording_id"] for row in rows if row["part"] == part} for part in ("train", "validation")}
    assert parts["train"]
    assert parts["validation"]
    assert not parts["train"] & parts["validation"]
    assert {row["perceived_gender"] for row in rows} == {"female", "male"}


def test_one_face_a_track_is_taken_and_none_that_was_broadcast_before(lake: Path) -> None:
    card = curate.run(curate.Config(lake, "march", RULES)).card
    gone = {each.reason: each.female + each.male for each in card.dropped}
    assert gone["another face of its track was selected"] == 20
    assert gone["near-duplicate of a selected face"] >= 1
    assert sum(sum(count.values()) for count in card.chosen.values()) + sum(gone.values()) == 30


def test_a_dry_run_says_the_same_and_writes_nothing(lake: Path) -> None:
    before = _contents(lake)
    summary = curate.run(curate.Config(lake, "march", RULES, dry_run=True))
    assert not summary.written
    assert _contents(lake) == before
    assert summary.card.chosen == curate.run(curate.Config(lake, "march", RULES)).card.chosen


def test_no_picture_of_a_face_is_in_a_set_unless_sheets_are_asked_for(lake: Path) -> None:
    plain = curate.run(curate.Config(lake, "plain", RULES)).folder
    assert not any(b"\xff\xd8\xff" in path.read_bytes() for path in plain.iterdir())
    shown = curate.run(curate.Config(lake, "shown", RULES, contact_sheets=True)).folder
    assert [path for path in shown.iterdir() if path.name.startswith("contact-sheet")]


def test_the_card_says_how_many_faces_purges_have_left(lake: Path) -> None:
    made = curate.run(curate.Config(lake, "march", RULES))
    for recording in made.card.recordings[:2]:
        purge.run(str(lake), PurgeScope(recordings=(recording,)))
        card, rows = sets.read_card(made.folder), pq.read_table(made.folder / "faces.parquet").to_pylist()
        assert card.chosen == made.card.chosen
        assert card.left == {
            part: {who: sum((row["part"], row["perceived_gender"]) == (part, who) for row in rows) for who in count}
            for part, count in card.chosen.items()
        }
        assert 0 < len(rows) < sum(sum(count.values()) for count in card.chosen.values())


def test_a_set_that_is_there_is_refused_before_any_crop_is_read(lake: Path) -> None:
    curate.run(curate.Config(lake, "march", RULES))
    heard: list[int] = []
    with pytest.raises(UsageError, match="--replace"):
        curate.run(curate.Config(lake, "march", RULES), lambda now: heard.append(now.done))
    assert not heard
    again = curate.run(curate.Config(lake, "march", Rules(0, 0), replace=True))
    assert sets.read_card(again.folder).rules == Rules(0, 0)


def test_where_only_one_perceived_gender_is_left_it_says_so(tmp_path: Path) -> None:
    programme(tmp_path / "archive", "tv/2001-03-04/2000_sport.mp4", 0, women=False)
    analyse_all(tmp_path / "archive", tmp_path / "lake")
    with pytest.raises(UsageError, match=r"of 0 crops of women and 3 of men.* confident enough of 0 and 3\. Lower"):
        curate.run(curate.Config(tmp_path / "lake", "march", RULES))
    assert not (tmp_path / "lake/sets").exists()


def test_the_command_shows_what_was_kept_and_dropped(lake: Path, gfpipe: Command) -> None:
    said = gfpipe("curate", "--lake", str(lake), "--name", "march", "--threshold-male", "0.5", "--limit", "4", "--soft")
    assert said.code == 0
    assert "near-duplicate of a selected face" in said.stdout
    assert "expires on" in said.stderr
    card = sets.read_card(lake / "sets/march")
    assert (card.rules.threshold_female, card.rules.threshold_male, card.rules.limit, card.soft) == (0.9, 0.5, 4, True)
    again = gfpipe("curate", "--lake", str(lake), "--name", "march")
    assert again.code == 2
    assert "--replace" in again.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--balance", "age"], "choose from confidence, channel"),
        (["--limit", "1"], "allows no pair"),
        (["--name", "../x"], "not a valid name of a set"),
        (["--lake", "s3://bucket/lake"], "local lakes only"),
    ],
)
def test_wrong_use_is_named(lake: Path, gfpipe: Command, options: list[str], says: str) -> None:
    said = gfpipe("curate", "--lake", str(lake), "--name", "march", *options)
    assert said.code == 2
    assert says in said.stderr


def _contents(lake: Path) -> list[Path]:
    """All but the index, which every reader brings up to date."""
    return sorted(path for path in lake.rglob("*") if "index" not in path.relative_to(lake).parts)
