"""Figures of an evaluation: plotted values, labels and sizes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gfpipe.evaluation.answers import Answers, Floats, Labels, Trial
from gfpipe.evaluation.figures import curves, groups, matrices
from gfpipe.evaluation.figures import trials as figures
from gfpipe.evaluation.figures.plotting import styles_of
from gfpipe.evaluation.measures import calibration, comparison, metrics, subgroups
from tests.evaluation import simulated
from tests.evaluation.pictures import Drawn

pytestmark = pytest.mark.slow

DRAWS = 100


def sized(trial: Trial) -> Trial:
    """With answers about faces of 10 and 40 pixels, the small ones worse."""
    return replace(trial, answers=tuple(replace(each, by_size=by_size(each)) for each in trial.answers))


def by_size(answers: Answers) -> dict[int, Floats]:
    worse = np.where(answers.p_female > 0.9, 1 - answers.p_female, answers.p_female)
    return {10: worse, 40: answers.p_female}


def of_labels(trial: Trial) -> Trial:
    """With a tool beside the models that gives labels, no probabilities."""
    tool = Answers("tool", np.where(trial.labels.female, 1.0, 0.0))
    return replace(trial, answers=(*trial.answers, tool))


def small(female: list[bool], p_female: list[float], age: float = 30, ethnicity: str = "white") -> Trial:
    count = len(female)
    labels = Labels(
        np.array([f"{n}.jpg" for n in range(count)]),
        np.array(female),
        np.full(count, age),
        np.full(count, ethnicity),
    )
    return Trial("few", "detector", labels, (Answers("model", np.array(p_female)),))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """All figures of two models, one with a very long name."""
    models = ("a-model-with-a-name-much-longer-than-any-column-of-a-paper-is-wide-v1", "second")
    folder = tmp_path_factory.mktemp("figures") / "made" / "on the way"
    return figures.write(sized(simulated.trial(models=models)), folder, DRAWS)


def test_all_that_there_is_data_for_is_written_in_both_kinds(written: tuple[Path, ...]) -> None:
    names = {path.stem for path in written}
    names_of_groups = {"ethnicity", "age", "gender", "ethnicity-gender", "age-gender"}
    assert names == {
        "roc",
        "confusion",
        "heatmap",
        "reliability",
        "sizes",
        *(f"subgroups-{each}" for each in names_of_groups),
    }
    assert sorted(path.suffix for path in written) == [".png"] * 10 + [".svg"] * 10
    assert set(written) == set(written[0].parent.iterdir())


def test_every_picture_says_perceived_gender_and_fits_a_column(written: tuple[Path, ...]) -> None:
    for path in written:
        if path.suffix == ".svg":
            drawn = Drawn.read(path)
            assert "perceived gender" in drawn.words[-2].lower() + drawn.words[-1].lower(), path.name
            assert drawn.width < 420, path.name
        else:
            with Image.open(path) as picture:
                assert picture.width > 1_200, f"{path.name}: 350 pixels an inch in a column of 88 mm"
                assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_what_is_not_known_is_not_drawn(tmp_path: Path) -> None:
    trial = small([True, False] * 40, [0.9, 0.1] * 40)
    unknown = replace(trial.labels, age_years=np.full(80, np.nan), ethnicity=np.full(80, ""))
    names = {path.stem for path in figures.write(replace(trial, labels=unknown), tmp_path, DRAWS)}
    assert names == {"roc", "confusion", "subgroups-gender", "reliability"}


def test_a_tool_that_gives_labels_alone_has_no_curves(tmp_path: Path) -> None:
    trial = of_labels(simulated.trial(models=("model",)))
    assert not any("tool" in words for words in Drawn.of(curves.roc_curves(trial)).words)
    assert not any("tool" in words for words in Drawn.of(curves.reliability_plot(trial)).words)
    assert "tool" in Drawn.of(matrices.confusion_matrices(trial)).words
    alone = replace(trial, answers=trial.answers[1:])
    assert curves.roc_curves(alone) is None
    assert curves.reliability_plot(alone) is None


def test_the_legend_of_the_roc_curves_gives_their_areas() -> None:
    trial = simulated.trial()
    words = Drawn.of(curves.roc_curves(trial)).words
    for answers in trial.answers:
        curve = metrics.roc(trial.labels.female, answers.p_female)
        assert curve is not None
        assert f"{answers.model_id}, AUC {curve.area:.3f}" in words


def test_a_curve_of_very_many_faces_stays_small() -> None:
    plan = curves.roc_curves(simulated.trial(30_000))
    assert plan is not None
    assert len(plan.data["points"]) < 2 * 2_001


def test_a_confusion_matrix_counts_women_men_and_the_undetected() -> None:
    trial = small([True] * 8 + [False] * 4, [0.9] * 5 + [0.2] * 2 + [np.nan] + [0.1] * 3 + [0.8])
    words = Drawn.of(matrices.confusion_matrices(trial)).words
    rows = [("5", "62.5 %"), ("2", "25.0 %"), ("1", "12.5 %"), ("1", "25.0 %"), ("3", "75.0 %"), ("0", "0.0 %")]
    assert [count for count in words if count.isdigit()] == [count for count, _ in rows]
    assert [share for share in words if share.endswith("%")] == [share for _, share in rows]
    for name in ("women", "men", "undetected", "as labelled", "as predicted", "model"):
        assert name in words


def test_groups_have_a_bar_from_end_to_end_of_their_interval() -> None:
    trial = simulated.trial(2_000)
    plan = groups.subgroup_bars(trial, ("ethnicity",), DRAWS)
    measured = subgroups.measure(trial.labels, trial.answers[0], ("ethnicity",), DRAWS)
    rows = [row for row in plan.data["groups"] if row["model"] == "first"]
    found = [(row["value"], row["low"], row["high"]) for row in rows]
    assert found == [(each.value, each.low, each.high) for each in measured.accuracy]
    words = Drawn.of(plan).words
    for name, faces in zip(measured.grouping.names, measured.grouping.faces, strict=True):
        assert f"{name} ({faces:,})" in words


def test_a_small_group_is_faded_and_does_not_stretch_the_scale() -> None:
    labels = simulated.labels(1_000)
    rare = np.where(np.arange(1_000) < 7, "rare", "common")
    trial = Trial("benchmark", "detector", replace(labels, ethnicity=rare), (simulated.answers(labels),))
    plan = groups.subgroup_bars(trial, ("ethnicity",), DRAWS)
    opacity = {row["group"]: row["opacity"] for row in plan.data["groups"]}
    assert opacity["rare (7)"] < 0.5
    assert opacity["common (993)"] == 1
    assert Drawn.of(plan).width < 400, "its bar ends where the plot does"


def test_the_heat_map_gives_number_and_count_and_fades_cells_of_few_faces() -> None:
    labels = simulated.labels(600)
    few = (labels.age_years >= 70) & (labels.ethnicity == "white")
    kept = ~few | (np.cumsum(few) <= 6)
    trial = Trial("benchmark", "detector", labels, (simulated.answers(labels),))[kept]
    grid = subgroups.grid(trial.labels, trial.answers[0])
    assert (grid.faces < subgroups.MIN_GROUP_FACES).any()
    drawn = Drawn.of(matrices.heat_maps(trial))
    for value, faces in zip(grid.accuracy.ravel(), grid.faces.ravel(), strict=True):
        assert f"{100 * value:.1f}" in drawn.words
        assert str(faces) in drawn.words
    faded = drawn.marks("path", opacity="0.3")
    assert len(faded) == (grid.faces < subgroups.MIN_GROUP_FACES).sum()


def test_cells_without_faces_are_empty() -> None:
    two = replace(small([True, False] * 30, [0.9, 0.2] * 30))
    ethnicity = np.array(["white"] * 30 + ["black"] * 30)
    labels = replace(two.labels, ethnicity=ethnicity, age_years=np.array([30.0] * 30 + [50.0] * 30))
    plan = matrices.heat_maps(replace(two, labels=labels))
    assert plan is not None
    assert len(plan.data["map 0"]) == 2


def test_all_maps_share_one_scale_of_colour() -> None:
    labels = simulated.labels(2_000)
    models = (simulated.answers(labels, "good", noise=0.8), simulated.answers(labels, "bad", noise=3))
    plan = matrices.heat_maps(Trial("benchmark", "detector", labels, models))
    assert plan is not None
    fills = {row["value"]: row["fill"] for at in (0, 1) for row in plan.data[f"map {at}"]}
    shades = [int(fills[value][3:5], 16) for value in sorted(fills, key=float)]
    assert shades == sorted(shades), "the same value is as dark in each map, and a lower one darker"


def test_the_reliability_plot_gives_the_calibration_error_and_leaves_small_bins_hollow() -> None:
    trial = simulated.trial()
    plan = curves.reliability_plot(trial)
    assert plan is not None
    words = Drawn.of(plan).words
    for answers in trial.answers:
        curve = calibration.reliability(answers.p_female, trial.labels.female)
        assert f"{answers.model_id}, ECE {100 * curve.error:.1f} %" in words
        rows = [row for row in plan.data["bins"] if row["model"] == answers.model_id]
        assert [row["hollow"] for row in rows] == [faces < 20 for faces in curve.faces if faces]
        assert sum(row["share"] for row in rows) == pytest.approx(1)


def test_accuracy_by_face_size_has_a_point_and_an_interval_for_each_size() -> None:
    trial = sized(simulated.trial())
    plan = curves.by_face_size(trial, DRAWS)
    assert plan is not None
    row = next(row for row in plan.data["sizes"] if row["model"] == "first" and row["pixels"] == 10)
    small_faces = Answers("first", trial.answers[0].by_size[10])
    found = comparison.estimates(trial.labels, small_faces, ["accuracy"], DRAWS)["accuracy"]
    assert (row["value"], row["low"], row["high"]) == (found.value, found.low, found.high)
    words = Drawn.of(plan).words
    assert {"10", "40", "face height in pixels"} <= set(words)
    assert curves.by_face_size(simulated.trial()) is None


def test_models_look_different_in_more_than_colour() -> None:
    styles = styles_of(f"model {number}" for number in range(14))
    assert len({(style.colour, tuple(style.dash)) for style in styles.values()}) == 14
    assert len({(tuple(style.dash), style.shape) for style in list(styles.values())[:7]}) == 7


def test_names_may_hold_anything_and_a_folder_is_not_shown() -> None:
    trial = replace(simulated.trial(models=("a<b>&\"c'",)), data="utkface=/home/somebody/faces, aged 10 and over")
    words = Drawn.of(matrices.confusion_matrices(trial)).words
    assert "a<b>&\"c'" in words
    assert "utkface, aged 10 and over, 400 faces" in words
    assert not any("somebody" in each for each in words)


def test_a_png_is_the_picture_of_the_svg(written: tuple[Path, ...]) -> None:
    vector, pixels = written[:2]
    with Image.open(pixels) as picture:
        assert picture.format == "PNG"
        assert picture.width == pytest.approx(4 * Drawn.read(vector).width, abs=4)
