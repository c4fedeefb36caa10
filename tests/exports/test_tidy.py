"""Tidy figures and described columns, from one wide row."""

from typing import Any

import pyarrow as pa

from gfpipe.exports.columns import described, description
from gfpipe.exports.tidy import tidy
from tests.exports.figures import figures


def rows(**changed: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tidy(figures(**changed), ("channel", "month")).to_pylist()
    return found


def one(estimand: str, method: str, **changed: Any) -> dict[str, Any]:
    (row,) = (row for row in rows(**changed) if (row["estimand"], row["method"]) == (estimand, method))
    return row


def test_a_figure_stands_with_its_interval_and_the_hours_it_is_taken_from() -> None:
    row = one("share_female_face_time", "raw")
    assert row == {
        "channel": "north",
        "month": "2024-03",
        "estimand": "share_female_face_time",
        "method": "raw",
        "unit": "share",
        "value": 0.413,
        "low": 0.38,
        "high": 0.447,
        "note": None,
        "model_id": "cydral",
        "recordings": 12,
        "hours_analysed": 9.5,
        "hours_scheduled": 10.0,
        "coverage": 0.95,
    }


def test_what_is_not_corrected_is_there_and_says_why() -> None:
    row = one("share_female_face_time", "corrected", share_female_face_time_corrected=None, correction_note="no labels")
    assert row["value"] is None
    assert row["note"] == "no labels"


def test_no_figure_is_lost_on_the_way() -> None:
    wide, tall = figures(), rows()
    values = {row["value"] for row in tall} | {row[end] for row in tall for end in ("low", "high")}
    beside = {"channel", "month", "recordings", "hours_analysed", "hours_scheduled", "coverage", "interval_note"}
    beside |= {"model_id", "models", "hours_excluded", "unknown_length_recordings", "analysed_seconds"}
    unexported = beside | {"correction_note", "debiased_note", "headline"}
    missing = [name for name in set(wide.column_names) - unexported if wide[name][0].as_py() not in values]
    assert not missing


def test_every_column_is_described_and_stays_readable() -> None:
    table = described(figures())
    assert all(field.metadata[b"description"] for field in table.schema)
    assert table.to_pylist() == figures().to_pylist()
    assert description("share_female_face_time_corrected_analytic_low") == (
        "lower end of the 95 % interval of Lang and Reiczigel for share_female_face_time_corrected"
    )
    assert description("genre") == "genre, from the file of programmes or channels"


def test_no_column_of_the_figures_is_taken_for_a_users_own() -> None:
    own = [name for name in figures().column_names if "as the file of" in description(name)]
    assert own == []


def test_a_sum_has_no_interval_and_nothing_of_it_is_missing() -> None:
    row = one("female_face_seconds", "raw", interval_note="fewer than 5 recordings")
    assert (row["unit"], row["low"], row["note"]) == ("seconds", None, None)
    assert one("female_face_seconds", "tracks")["value"] == figures()["tracked_female_face_seconds"][0].as_py()


def test_the_analytic_interval_stands_beside_the_resampled_one() -> None:
    estimand = "share_female_face_time"
    resampled, analytic = one(estimand, "corrected"), one(estimand, "corrected, analytic interval")
    assert resampled["value"] == analytic["value"]
    assert resampled["low"] != analytic["low"] == figures()[f"{estimand}_corrected_analytic_low"][0].as_py()


def test_groups_stay_together() -> None:
    two = pa.concat_tables([figures(channel="south"), figures(channel="north")])
    channels = [row["channel"] for row in tidy(two, ("channel", "month")).to_pylist()]
    assert channels == sorted(channels)
