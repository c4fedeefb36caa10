"""A change of classifier is marked, so that nobody reads it as a change of television."""

from datetime import date, timedelta
from pathlib import Path

from tests.warehouse.houses import published, tuples
from tests.warehouse.lakes import EVENING, Face, Show, write_show

SEEN = [(1.0, [Face(0.95)])]


def test_each_change_of_classifier_is_marked_on_its_channel(tmp_path: Path) -> None:
    for night, model in enumerate(("model-a", "model-a", "model-b", "model-a")):
        when = EVENING + timedelta(days=night)
        write_show(tmp_path, Show(start=when, samples=SEEN, models=(model,), changes={"classifier_id": model}))
    write_show(tmp_path, Show(channel="Two", samples=SEEN, models=("model-b",), changes={"classifier_id": "model-b"}))
    assert tuples(published(tmp_path), "from classifier_breaks") == [
        ("One", date(2001, 3, 5), "model-a", date(2001, 3, 6), "model-b"),
        ("One", date(2001, 3, 6), "model-b", date(2001, 3, 7), "model-a"),
    ]


def test_what_was_never_read_is_no_break(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=SEEN, changes={"classifier_id": "model-a"}))
    later = EVENING + timedelta(days=1)
    write_show(tmp_path, Show(start=later, samples=[], changes={"status": "failed", "classifier_id": "model-b"}))
    assert tuples(published(tmp_path), "from classifier_breaks") == []
