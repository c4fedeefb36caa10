"""INA's open-data shape: the columns and the sums that scripts written for INA's files expect."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from gfpipe.errors import UsageError
from gfpipe.exports import ina

NATIONAL_DAY = date(2019, 7, 14)
HOURS = [
    {"channel": "tf1", "date": NATIONAL_DAY, "hour": 20, "men": 1800.0, "women": 900.0, "hours": 1.0},
    {"channel": "tf1", "date": date(2019, 7, 15), "hour": 20, "men": 0.0, "women": 900.0, "hours": 0.5},
    {"channel": "tf1", "date": date(2020, 1, 6), "hour": 21, "men": 0.0, "women": 0.0, "hours": 1.0},
    {"channel": "arte", "date": NATIONAL_DAY, "hour": 20, "men": 300.123, "women": 100.0, "hours": 0.25},
]
CHANNELS = {
    "channel": ["tf1"],
    "channel_code": ["TF1"],
    "channel_name": ["TF1 (national)"],
    "is_public_channel": ["no"],
    "group": ["Bouygues"],
}


def tables(channels: dict[str, list[Any]] | None = None, country: str | None = None) -> dict[str, list[dict[str, Any]]]:
    names = {"men": "male_duration", "women": "female_duration", "hours": "nb_hours_analyzed"}
    hours = pa.Table.from_pylist(HOURS).rename_columns(names)
    said = pa.table(channels or {"channel": pa.array([], pa.string())})
    return {name: table.to_pylist() for name, table in ina.tables(hours, said, country).items()}


def test_stats_has_inas_columns_in_inas_order() -> None:
    assert list(tables()["stats.csv"][0]) == [
        *("media_type", "channel_code", "channel_name", "is_public_channel", "date", "week_day", "civil_holyday"),
        *("hour", "male_duration", "female_duration", "nb_hours_analyzed", "group"),
    ]


def test_a_row_is_a_channel_a_date_and_an_hour() -> None:
    first, *_, last = tables(CHANNELS, "FR")["stats.csv"]
    assert first == {
        "media_type": "tv",
        "channel_code": "TF1",
        "channel_name": "TF1 (national)",
        "is_public_channel": "False",
        "date": "2019-07-14",
        "week_day": "Sunday",
        "civil_holyday": "True",
        "hour": 20,
        "male_duration": 1800.0,
        "female_duration": 900.0,
        "nb_hours_analyzed": 1.0,
        "group": "Bouygues",
    }
    assert last["channel_name"] == last["channel_code"] == "arte"  # the file of channels does not know it
    assert last["is_public_channel"] is None
    assert last["male_duration"] == 300.12


def test_without_a_country_nothing_is_said_of_holidays() -> None:
    assert {row["civil_holyday"] for row in tables()["stats.csv"]} == {None}


def test_holidays_are_those_of_a_part_of_a_country_too() -> None:
    corpus_christi = pa.Table.from_pylist(
        [{"channel": "br", "date": date(2019, 6, 20), "hour": 20} | dict.fromkeys(ina.SUMS, 1.0)]
    )
    nobody = pa.table({"channel": pa.array([], pa.string())})

    def holiday(country: str) -> str:
        return str(ina.tables(corpus_christi, nobody, country)["stats.csv"]["civil_holyday"][0])

    assert (holiday("DE-BY"), holiday("DE-BE")) == ("True", "False")


@pytest.mark.parametrize("country", ["XX", "FR-NOWHERE", "France!"])
def test_a_country_that_nobody_knows_is_wrong_use(country: str) -> None:
    with pytest.raises(UsageError, match="is not supported; use a code"):
        tables(country=country)


def test_rates_are_per_cent_of_the_sums_not_means_of_rates() -> None:
    arte, tf1, later = sorted(tables()["years.csv"], key=lambda row: (row["channel_name"], row["year"]))
    assert (tf1["year"], tf1["women_face_time_rate"]) == (2019, 50.0)  # (900 + 900) / 3600, not (33 + 100) / 2
    assert tf1["nb_hours_analyzed"] == 1.5
    assert arte["women_face_time_rate"] == pytest.approx(100 * 100 / 400.123)
    assert later["women_face_time_rate"] is None  # an hour without faces has no rate
    assert later["nb_hours_analyzed"] == 1.0


def test_hourly_rates_are_by_year_and_hour_of_day() -> None:
    rows = {(row["channel_name"], row["year"], row["hour"]) for row in tables()["hourstatall.csv"]}
    assert rows == {("tf1", 2019, 20), ("tf1", 2020, 21), ("arte", 2019, 20)}


def test_a_channel_is_public_or_not() -> None:
    with pytest.raises(UsageError, match="is_public_channel is perhaps"):
        tables(CHANNELS | {"is_public_channel": ["perhaps"]})


def test_every_column_is_explained() -> None:
    assert all(set(row) <= set(ina.MEANING) for rows in tables().values() for row in rows)
