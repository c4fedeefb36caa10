"""What is exported is what the warehouse says, in files that others can read."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from gfpipe import warehouse
from gfpipe.choices import Shape
from gfpipe.errors import LakeError, UsageError
from gfpipe.estimates.measure import measure
from gfpipe.estimates.question import Question
from gfpipe.stages.figures import export
from tests.warehouse.lakes import Face, Show, write_show

pytestmark = pytest.mark.slow

NATIONAL_DAY = datetime(2019, 7, 14, 17, 59, tzinfo=UTC)
WOMAN, MAN = Face(0.9), Face(0.1)
QUESTION = Question(by=("channel", "month"), draws=200)


@pytest.fixture
def lake(tmp_path: Path) -> str:
    """A woman for two minutes across an hour of the clock, a man in the second; on another day nobody."""
    north = Show("north", "news", NATIONAL_DAY, [(60.0, [WOMAN]), (60.0, [WOMAN, MAN])])
    south = Show("south", "fog", datetime(2019, 7, 15, 4, tzinfo=UTC), [(30.0, [])])
    for show in (north, south):
        show.changes["timezone"] = "Europe/Paris"
        write_show(tmp_path / "lake", show)
    warehouse.build(tmp_path / "lake")
    return str(tmp_path / "lake")


def csv(path: Path) -> list[dict[str, Any]]:
    rows = pd.read_csv(path).replace(float("nan"), None).to_dict(orient="records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def test_inas_rows_are_local_hours_of_face_time(lake: str, tmp_path: Path) -> None:
    export.run(lake, tmp_path / "out", QUESTION, [Shape.INA], "FR")
    first, second, fog = csv(tmp_path / "out" / "stats.csv")
    assert (first["date"], first["hour"], first["week_day"], first["civil_holyday"]) == (
        "2019-07-14",
        19,
        "Sunday",
        True,
    )
    assert (first["female_duration"], first["male_duration"]) == (60, 0)
    assert (second["hour"], second["female_duration"], second["male_duration"]) == (20, 60, 60)
    assert second["nb_hours_analyzed"] == pytest.approx(60 / 3600)
    assert (fog["channel_name"], fog["hour"], fog["civil_holyday"]) == ("south", 6, False)
    assert (fog["female_duration"], fog["male_duration"]) == (0, 0)


def test_the_rates_of_a_year_are_those_of_its_hours(lake: str, tmp_path: Path) -> None:
    channels = tmp_path / "channels.csv"
    channels.write_text("channel,channel_name,is_public_channel,group\nnorth,North One,true,North\n")
    export.run(lake, tmp_path, replace(QUESTION, channels_file=channels), [Shape.INA])
    north, south = csv(tmp_path / "years.csv")
    assert (north["channel_name"], north["is_public_channel"], north["group"]) == ("North One", True, "North")
    assert north["women_face_time_rate"] == pytest.approx(100 * 120 / 180)
    assert (south["channel_name"], south["women_face_time_rate"]) == ("south", None)
    assert [row["hour"] for row in csv(tmp_path / "hourstatall.csv")] == [19, 20, 6]


def test_filters_hold_for_inas_shape_too(lake: str, tmp_path: Path) -> None:
    question = replace(QUESTION, only_channels=("north",), until=date(2019, 7, 14))
    export.run(lake, tmp_path, question, [Shape.INA])
    assert {row["channel_name"] for row in csv(tmp_path / "stats.csv")} == {"north"}
    assert "only_channels ('north',), until 2019-07-14" in (tmp_path / "README.md").read_text()


def test_tidy_rows_are_the_warehouses_own_figures(lake: str, tmp_path: Path) -> None:
    export.run(lake, tmp_path, QUESTION, [Shape.TIDY])
    rows = {(row["channel"], row["estimand"], row["method"]): row for row in csv(tmp_path / "screen_time.csv")}
    with warehouse.open(lake) as db:
        north, _ = db.query("from screen_time_by_channel order by channel").to_pylist()
    for column in ("share_female_face_time", "female_face_seconds", "mean_faces"):
        assert rows["north", column, "raw"]["value"] == pytest.approx(north[column])
    assert rows["north", "share_female_face_time", "raw"]["note"]  # two recordings make no interval
    assert rows["north", "share_female_face_time", "corrected"]["value"] is None
    assert "label" in rows["north", "share_female_face_time", "corrected"]["note"]


def test_parquet_is_described_and_read_by_anybody(lake: str, tmp_path: Path) -> None:
    export.run(lake, tmp_path, QUESTION, [Shape.PARQUET])
    file = tmp_path / "screen_time.parquet"
    with warehouse.open(lake) as db:
        measured = measure(db, QUESTION)
    schema = pq.read_schema(file)
    assert schema.field("share_female_face_time").metadata[b"description"].startswith(b"share of face time perceived")
    assert pq.read_table(file).to_pylist() == measured.to_pylist()
    assert len(pd.read_parquet(file)) == measured.num_rows
    assert len(duckdb.read_parquet(str(file)).fetchall()) == measured.num_rows


def test_no_column_that_is_exported_lacks_its_meaning(lake: str, tmp_path: Path) -> None:
    written = export.run(lake, tmp_path, QUESTION)
    readme = (tmp_path / "README.md").read_text()
    assert [path.name for path in written] == [
        *("screen_time.csv", "screen_time.parquet", "stats.csv", "years.csv", "hourstatall.csv", "README.md")
    ]
    assert "It is\nnot speaking time" in readme
    assert "classifier: model-a" in readme
    assert "as the file of programmes or channels has it" not in readme


def test_two_models_are_not_put_into_one_series(lake: str, tmp_path: Path) -> None:
    other = Show("north", "late", NATIONAL_DAY.replace(hour=20), [(60.0, [MAN])], models=("model-b",))
    other.changes |= {"classifier_id": "model-b", "timezone": "Europe/Paris"}
    write_show(Path(lake), other)
    warehouse.build(lake)
    with pytest.raises(UsageError, match="one series would mix model-a and model-b"):
        export.run(lake, tmp_path, QUESTION, [Shape.INA])
    export.run(lake, tmp_path, replace(QUESTION, mix_models=True), [Shape.INA])
    assert len(csv(tmp_path / "stats.csv")) == 4


def test_a_lake_that_was_never_published_or_a_folder_that_is_a_file_is_said(lake: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LakeError, match="cannot be written"):
        export.run(lake, tmp_path / "file", QUESTION, [Shape.INA])
    (Path(lake) / warehouse.NAME).unlink()
    with pytest.raises(LakeError, match="gfpipe publish"):
        export.run(lake, tmp_path, QUESTION)
