"""Figures with their errors: what a question gets, and what it is refused."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from gfpipe import warehouse
from gfpipe.errors import UsageError
from gfpipe.estimates.measure import measure
from gfpipe.estimates.question import Question, narrow
from gfpipe.stages.figures import publish, stats
from tests.estimates.archives import MAN, WOMAN, fortnight, shows
from tests.warehouse.lakes import EVENING, Show, write_labels, write_schedule, write_show

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fortnight(tmp_path_factory.mktemp("fortnight"))


def ask(lake: Path, **question: Any) -> list[dict[str, Any]]:
    return list(stats.run(lake, Question(**question)).to_pylist())


def test_each_figure_lies_within_its_interval(lake: Path) -> None:
    for row in ask(lake, by=("channel",)):
        for name in ("share_female_face_time", "mean_faces", "female_to_male_ratio", "share_no_face_time"):
            assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]
        assert row["share_female_face_time_high"] - row["share_female_face_time_low"] < 0.1


def test_what_was_published_is_what_stats_says(lake: Path) -> None:
    with warehouse.open(lake) as db:
        published = db.query("from estimates where grouping = 'channel, programme' order by channel, programme")
        asked = measure(db, Question(by=("channel", "programme")))
    assert len(asked) == 4
    assert stats.run(lake, Question(by=("channel", "programme"))).equals(asked)
    for name in asked.column_names:
        assert published[name].to_pylist() == asked[name].to_pylist(), name


def test_the_sums_are_those_of_the_sql_macro(lake: Path) -> None:
    with warehouse.open(lake) as db:
        rows = db.query("select month, weekday, unnest(totals(rollup)) from rollup group by 1, 2 order by all")
    asked = stats.run(lake, Question(by=("month", "weekday")))
    assert asked.select(rows.column_names).to_pylist() == rows.to_pylist()


def test_where_recordings_are_few_there_is_a_reason_instead_of_an_interval(lake: Path) -> None:
    (row, *_) = ask(lake, by=("date",))
    assert row["recordings"] == 2
    assert row["share_female_face_time"] is not None
    assert row["share_female_face_time_low"] is None
    assert row["interval_note"] == "fewer than 5 recordings"


def test_without_labels_nothing_is_corrected_and_a_column_says_why(lake: Path) -> None:
    (row,) = ask(lake)
    assert row["share_female_face_time_corrected"] is None
    assert row["correction_note"] == "no labels: gfpipe label import"


def test_a_channel_without_a_face_has_nothing_to_correct(tmp_path: Path) -> None:
    for show in [*shows(), Show(channel="Three", samples=[(10.0, [])])]:
        write_show(tmp_path, show)
    faces = [(show, index) for show in shows() for index, (_, found) in enumerate(show.samples) if found][:600:3]
    answers = [
        {"recording_id": show.recording_id, "seconds": 10.0 * index + 1, "answer": said}
        for show, index in faces
        for said in ["female" if show.samples[index][1][0] is WOMAN else "male"]
    ]
    write_labels(tmp_path, *answers)
    publish.run(tmp_path)
    one, three, two = ask(tmp_path, by=("channel",))
    assert (three["channel"], three["correction_note"]) == ("Three", "no face")
    for row in (one, two):  # the labels say that the classifier is always right
        assert row["share_female_face_time_corrected"] == pytest.approx(row["share_female_face_time"])
        assert row["sensitivity"] == row["specificity"] == 1


def test_a_month_in_which_nothing_was_analysed_has_a_row(tmp_path: Path) -> None:
    write_schedule(tmp_path, {"recording_id": "x", "scheduled_seconds": 600.0, "started_at": EVENING.replace(month=5)})
    fortnight(tmp_path)
    row = ask(tmp_path, by=("month",))[-1]
    assert (row["month"], row["recordings"], row["coverage"]) == ("2001-05", 0, 0)
    assert row["share_female_face_time"] is None
    assert row["interval_note"] == "nothing was analysed"


def test_two_models_are_never_mixed_unless_asked(tmp_path: Path) -> None:
    old, new = shows(), shows(classifier_id="model-b")
    for show in old[:14]:
        write_show(tmp_path, show)
    for show in new[14:]:
        show.models = ("model-b",)
        write_show(tmp_path, show)
    publish.run(tmp_path)
    with pytest.raises(UsageError, match=r"several models \(model-a \+ model-b\)"):
        ask(tmp_path)
    assert [row["model_id"] for row in ask(tmp_path, by=("model",))] == ["model-a", "model-b"]
    (mixed,) = ask(tmp_path, mix_models=True)
    assert (mixed["model_id"], mixed["recordings"]) == ("model-a + model-b", 28)
    with warehouse.open(tmp_path) as db:
        (published,) = db.query("from estimates where grouping = 'all'").to_pylist()
    assert published["share_female_face_time"] is None
    assert "several models" in published["interval_note"]


def test_filters_choose_channels_and_days(lake: Path) -> None:
    since, until = EVENING.date() + timedelta(days=2), EVENING.date() + timedelta(days=4)
    (row,) = ask(lake, only_channels=("Two",), since=since, until=until)
    assert row["recordings"] == 3
    with pytest.raises(UsageError, match="--channel Three: there is none; choose from One, Two"):
        ask(lake, only_channels=("Three",))


def test_either_model_is_counted_where_recordings_have_the_predictions_of_both(tmp_path: Path) -> None:
    """The second model reads women where the first reads men."""
    both = Show(samples=[(3.0, [WOMAN, MAN]), (2.0, [MAN])], models=("model-a", "model-b"))
    empty = Show(start=EVENING + timedelta(days=1), samples=[(4.0, [])], models=("model-a", "model-b"))
    for show in (both, empty):
        write_show(tmp_path, show)
    write_labels(tmp_path, {"recording_id": both.recording_id, "seconds": 3.5, "answer": "male"} | MAN.box(0))
    publish.run(tmp_path)
    (own,) = ask(tmp_path)
    for model, women, men in (("model-a", 3, 5), ("model-b", 5, 3)):
        (row,) = ask(tmp_path, model=model)
        assert (row["female_face_seconds"], row["male_face_seconds"]) == (women, men)
        assert (row["model_id"], row["models"]) == (model, 1)
    assert ask(tmp_path, model="model-a") == [own]
    assert ask(tmp_path, model="model-b", min_face=61.0)[0]["mean_faces"] == 0
    with warehouse.open(tmp_path) as db:
        narrow(db, Question(model="model-b"))
        (label,) = db.query("select model_id, perceived_gender from labelled_faces").to_pylist()
    assert label == {"model_id": "model-b", "perceived_gender": "female"}


def test_recordings_that_a_model_has_not_classified_keep_their_own(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(3.0, [WOMAN])], models=("model-a", "model-b")))
    write_show(tmp_path, Show(start=EVENING + timedelta(days=1), samples=[(4.0, [WOMAN])]))
    publish.run(tmp_path)
    with pytest.raises(UsageError, match=r"several models \(model-a \+ model-b\)"):
        ask(tmp_path, model="model-b")
    (row,) = ask(tmp_path, model="model-b", until=EVENING.date())
    assert (row["female_face_seconds"], row["male_face_seconds"]) == (0, 3)
    (row,) = ask(tmp_path, model="model-b", mix_models=True)
    assert (row["female_face_seconds"], row["male_face_seconds"]) == (4, 3)
    with pytest.raises(
        UsageError, match="--model model-c: it has classified no recording; choose from model-a, model-b"
    ):
        ask(tmp_path, model="model-c")


def test_excluded_intervals_leave_the_figures_and_stay_in_the_accounts(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(100.0, [WOMAN]), (100.0, [MAN]), (100.0, [MAN])]))
    write_show(tmp_path, Show(start=EVENING + timedelta(days=1), samples=[(7.0, [WOMAN])]))  # is not touched
    publish.run(tmp_path)
    intervals = tmp_path / "commercials.csv"
    intervals.write_text("channel,start,end,reason\nOne,2001-03-04 20:01:40,2001-03-04 20:03:20,commercials\n")
    (row,) = ask(tmp_path, exclude=intervals)
    assert (row["female_face_seconds"], row["male_face_seconds"]) == (107, 100)
    assert row["hours_excluded"] == pytest.approx(100 / 3600)
    assert row["coverage"] == 1


def test_programmes_can_be_grouped_by_what_a_file_says_of_them(lake: Path, tmp_path: Path) -> None:
    classes = tmp_path / "programmes.csv"
    classes.write_text("programme,genre\nNews,information\nOther,sport\n")
    rows = ask(lake, by=("genre",), programmes=classes)
    assert [(row["genre"], row["recordings"]) for row in rows] == [("information", 14), (None, 14)]


def test_smaller_faces_can_be_left_out_afterwards(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN, MAN])]))  # 60 lines high
    publish.run(tmp_path)
    assert ask(tmp_path)[0]["mean_faces"] == 2
    assert ask(tmp_path, min_face=61.0)[0]["mean_faces"] == 0


@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ({"by": ("gender",)}, "--by gender: choose from channel, programme, date"),
        ({"by": ("channel", "channel")}, "stands there twice"),
        ({"min_face": 400.0}, "between 0 and 360"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(lake: Path, question: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        ask(lake, **question)


def test_a_day_is_a_date(lake: Path) -> None:
    assert ask(lake, by=("date",))[0]["date"] == date(2001, 3, 4)
