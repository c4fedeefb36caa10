"""Columns of ``gfpipe stats``."""

import pytest

from gfpipe.errors import UsageError
from gfpipe.stages.figures import stats
from tests.exports.figures import figures

BY = ("channel", "month")
SHARE = "share_female_face_time"


def test_the_basic_columns_are_the_share_its_correction_and_how_much_was_analysed() -> None:
    assert stats.chosen(figures(), BY, "basic").column_names == [
        *BY,
        *(
            f"{name}{end}"
            for name in (SHARE, f"{SHARE}_corrected", f"{SHARE}_debiased")
            for end in ("", "_low", "_high")
        ),
        *("headline", "hours_analysed", "coverage", "interval_note", "correction_note", "debiased_note"),
    ]


def test_all_columns_can_be_had() -> None:
    assert stats.chosen(figures(), BY, "all") == figures()


def test_columns_are_chosen_by_name_after_those_of_the_groups() -> None:
    chosen = stats.chosen(figures(), BY, "mean_faces, both_seconds,channel")
    assert chosen.column_names == [*BY, "mean_faces", "both_seconds"]


def test_an_unknown_column_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UsageError, match="no column 'mean_face'; did you mean mean_faces"):
        stats.chosen(figures(), BY, "mean_face")
    with pytest.raises(UsageError, match="--columns all"):
        stats.chosen(figures(), BY, "zzz")
