"""Tables with a row for each model and data set, and of pairs of models."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.measures import bias as biases
from gfpipe.evaluation.measures import calibration as calibrations
from gfpipe.evaluation.measures import comparison, metrics
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.tables.columns import (
    ACCURACY,
    BALANCED_ACCURACY,
    DATA,
    ERROR_RATES,
    ERRORS,
    FACES,
    GAP,
    INTERVALS,
    MEN,
    MODEL,
    ROC_AUC,
    UNDETECTED,
    WOMEN,
)
from gfpipe.output.formats import COUNT, NUMBER, P_VALUE, POINTS, RATE, Interval, Value
from gfpipe.output.tables import Column, Table

_MEASURES: Final = (
    BALANCED_ACCURACY,
    Column("precision", "precision, %", RATE),
    Column("recall", "recall, %", RATE),
    Column("f1", "F1, %", RATE),
    ROC_AUC,
    *ERROR_RATES,
)


def accuracy(trials: Sequence[Trial]) -> Table:
    """Accuracy overall and by perceived gender."""
    note = f"The gap is women’s accuracy minus men’s. {ERRORS} {INTERVALS}"
    return _estimates("accuracy", "Accuracy by perceived gender", trials, (ACCURACY, WOMEN, MEN, GAP), note)


def measures(trials: Sequence[Trial]) -> Table:
    """Balanced accuracy, precision, recall, F1, area under the ROC curve and error rates."""
    note = f"Women are the positive class. {ERRORS} AUC, FPR and FNR cover detected faces. {INTERVALS}"
    return _estimates("measures", "Other measures", trials, _MEASURES, note)


def bias(trials: Sequence[Trial]) -> Table:
    """Bias as defined by inaFaceAnalyzer's paper."""
    attributes = (Column(f"{name}_bias", f"{name} bias, points", POINTS) for name in ("gender", "ethnicity", "age"))
    columns = (DATA, MODEL, ACCURACY, *attributes, FACES)
    rows: list[tuple[Value, ...]] = []
    for trial, answers in _answers(trials):
        overall = float(metrics.accuracy(Tally(trial.labels.female, answers.p_female).counts)[0])
        values = biases.measure(trial.labels, answers)
        rows.append((trial.data, answers.model_id, overall, values.gender, values.ethnicity, values.age, values.faces))
    note = (
        "As Doukhan and Petit (2022): mean difference over perceived gender × ethnicity × age: men minus women, white "
        "minus others, 20 to 50 years minus older. A positive gender bias favours men, unlike the gap. Faces: those in "
        f"a category; accuracy covers all faces. {ERRORS} {INTERVALS}"
    )
    return Table("bias", "Bias in points, as defined by inaFaceAnalyzer", columns, tuple(rows), note)


def calibration(trials: Sequence[Trial]) -> Table:
    """Expected calibration error before and after temperature scaling."""
    columns = (
        *(DATA, MODEL, FACES),
        Column("calibration_error", "ECE, %", RATE),
        Column("temperature", "temperature", NUMBER),
        Column("calibration_error_scaled", "ECE after scaling, %", RATE),
    )
    rows: list[tuple[Value, ...]] = []
    for trial, answers in _answers(trials):
        values = calibrations.calibrate(answers.p_female, trial.labels.female)
        faces = int(answers.answered.sum())
        rows.append((trial.data, answers.model_id, faces, values.error, values.temperature, values.error_after))
    note = (
        f"Detected faces only. ECE: expected calibration error, {calibrations.BINS} bins (Guo et al. 2017). A "
        "temperature above 1 indicates overconfidence. After scaling: by twofold cross-validation."
    )
    return Table("calibration", "Calibration", columns, tuple(rows), note)


def sizes(trial: Trial) -> Table:
    """Accuracy on images scaled down to given face heights; empty for other tools."""
    heights = sorted({size for answers in trial.answers for size in answers.by_size})
    rows: list[tuple[Value, ...]] = []
    for height in heights:
        p_female = [answers.by_size.get(height) for answers in trial.answers]
        rows.append((str(height), *(None if p is None else _accuracy(trial, Answers("", p)) for p in p_female)))
    rows.append(("original", *(_accuracy(trial, answers) for answers in trial.answers)))
    note = (
        "Faces are detected in the original image, which is then scaled down; smaller faces are not scaled up. "
        f"{ERRORS} {INTERVALS}"
    )
    title = f"Accuracy by face height, %, on {trial.data}"
    return Table("sizes", title, (Column("face_pixels", "face, pixels"), *per_model(trial)), tuple(rows), note)


def pairs(trials: Sequence[Trial]) -> Table:
    """McNemar's test and the paired difference of accuracy for every pair of models."""
    columns = (
        *(DATA, Column("first", "first"), Column("second", "second")),
        Column("only_first", "only first correct", COUNT),
        Column("only_second", "only second correct", COUNT),
        Column("difference", "accuracy, first − second, points", POINTS),
        Column("p_value", "McNemar’s p", P_VALUE),
    )
    rows: list[tuple[Value, ...]] = []
    for trial in trials:
        for first, second in combinations(trial.answers, 2):
            test = comparison.mcnemar(trial.labels, first, second)
            difference = comparison.difference(trial.labels, first, second, comparison.MEASURES["accuracy"])
            counts = test.only_first, test.only_second
            rows.append((trial.data, first.model_id, second.model_id, *counts, difference, test.p_value))
    note = f"{ERRORS} In brackets 95 % intervals of the paired bootstrap ({DRAWS:,} draws)."
    return Table("pairs", "Pairs of models", columns, tuple(rows), note)


def per_model(trial: Trial) -> tuple[Column, ...]:
    """A column of per cent for each model."""
    return tuple(Column(model, model, RATE) for model in trial.models)


def _estimates(name: str, title: str, trials: Sequence[Trial], columns: Sequence[Column], note: str) -> Table:
    rows: list[tuple[Value, ...]] = []
    for trial, answers in _answers(trials):
        estimates = comparison.estimates(trial.labels, answers, [column.name for column in columns])
        undetected = int(np.sum(~answers.answered))
        rows.append((trial.data, answers.model_id, len(trial.labels), undetected, *estimates.values()))
    return Table(name, title, (DATA, MODEL, FACES, UNDETECTED, *columns), tuple(rows), note)


def _accuracy(trial: Trial, answers: Answers) -> Interval:
    return comparison.estimates(trial.labels, answers, ["accuracy"])["accuracy"]


def _answers(trials: Sequence[Trial]) -> Iterator[tuple[Trial, Answers]]:
    return ((trial, answers) for trial in trials for answers in trial.answers)
