"""The tables of an evaluation: models and other tools side by side on the same faces.

Each function makes one table of one trial or of several; :func:`summary` is what a person reads first, and
:func:`write_all` leaves everything in a folder.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path
from typing import Final

import numpy as np

from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.measures import bias as biases
from gfpipe.evaluation.measures import calibration as calibrations
from gfpipe.evaluation.measures import comparison, metrics, spread, subgroups
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.measures.subgroups import MIN_GROUP_FACES, Groups
from gfpipe.evaluation.tables import ages as age_tables
from gfpipe.formats import COUNT, NUMBER, P_VALUE, POINTS, RATE, Interval, Value
from gfpipe.tables import Column, Table

_DATA, _MODEL, _FACES = Column("data", "data"), Column("model", "model"), Column("faces", "faces", COUNT)
_UNDETECTED: Final = Column("undetected", "undetected", COUNT)
_INTERVALS: Final = f"In brackets 95 % bootstrap intervals ({DRAWS:,} draws)."
_ERRORS: Final = "Undetected faces count as errors."
_DETECTED: Final = "Of detected faces."
_NAMED: Final = 10  # reasons for skipping, in the summary
_WIDEST: Final = 16  # groups that the summary shows one by one

_ACCURACY: Final = (
    Column("accuracy", "accuracy, %", RATE),
    Column("accuracy_female", "women, %", RATE),
    Column("accuracy_male", "men, %", RATE),
    Column("gap", "gap, points", POINTS),
)
_MEASURES: Final = (
    Column("balanced_accuracy", "balanced accuracy, %", RATE),
    Column("precision", "precision, %", RATE),
    Column("recall", "recall, %", RATE),
    Column("f1", "F1, %", RATE),
    Column("roc_auc", "ROC AUC", NUMBER),
    Column("false_positive_rate", "FPR, %", RATE),
    Column("false_negative_rate", "FNR, %", RATE),
)


def accuracy(trials: Sequence[Trial]) -> Table:
    """Accuracy overall and by perceived gender: a row for each model and data set."""
    note = f"The gap is women’s accuracy minus men’s. {_ERRORS} {_INTERVALS}"
    return _estimates("accuracy", "Accuracy by perceived gender", trials, _ACCURACY, note)


def measures(trials: Sequence[Trial]) -> Table:
    """Balanced accuracy, precision, recall, F1, area under the ROC curve, error rates; women are the positives."""
    note = f"Women are the positive class. {_ERRORS} AUC, FPR and FNR are of detected faces. {_INTERVALS}"
    return _estimates("measures", "Other measures", trials, _MEASURES, note)


def groups(trial: Trial, attributes: Sequence[str]) -> Table:
    """Accuracy of each group, models side by side, each with its interval."""
    found = _groups(trial, attributes)
    grouping = found[0].grouping
    columns = (Column("group", _words(attributes)), _FACES, *_per_model(trial))
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (name, int(faces), *(of.accuracy[place] for of in found))
        for place, (name, faces) in enumerate(zip(grouping.names, grouping.faces, strict=True))
    )
    title = f"Accuracy by {_words(attributes)}, %, on {trial.data}"
    return Table(f"groups_{'_'.join(attributes)}", title, columns, rows, f"{_ERRORS} {_INTERVALS}")


def disparity(trials: Sequence[Trial], by: Sequence[str] | None = None) -> Table:
    """How far groups lie apart, and which is the worst: a row for each grouping, model and data set."""
    columns = (
        _DATA,
        Column("groups_by", "groups by"),
        _MODEL,
        Column("groups", "groups", COUNT),
        Column("mean", "mean, %", RATE),
        Column("standard_deviation", "SD, points", RATE),
        Column("spread", "spread, points", RATE),
        Column("standard_deviation_by_mean", "SD/mean", NUMBER),
        Column("worst", "worst group"),
        Column("worst_accuracy", "its accuracy, %", RATE),
        Column("worst_faces", "its faces", COUNT),
    )
    rows: list[tuple[Value, ...]] = [
        (trial.data, _words(attributes), answers.model_id, *_disparity(found))
        for trial in trials
        for attributes in groupings(_known(trial, by))
        for answers, found in zip(trial.answers, _groups(trial, attributes), strict=True)
    ]
    note = (
        f"Unweighted, over groups of {MIN_GROUP_FACES} faces or more; spread: accuracy of the best group minus that of "
        f"the worst. {_ERRORS}"
    )
    return Table("disparity", "How far groups lie apart", columns, tuple(rows), note)


def rates(trials: Sequence[Trial], by: Sequence[str] | None = None) -> Table:
    """False-positive and false-negative rates by group: the fairness paper's Table 2."""
    columns = (
        _DATA,
        Column("groups_by", "groups by"),
        Column("group", "group"),
        _MODEL,
        _FACES,
        _UNDETECTED,
        Column("false_positive_rate", "FPR, %", RATE),
        Column("false_negative_rate", "FNR, %", RATE),
    )
    rows: list[tuple[Value, ...]] = []
    for trial in trials:
        for attributes in groupings([name for name in _known(trial, by) if name != "gender"]):
            found = _groups(trial, attributes)
            for place, name in enumerate(found[0].grouping.names):
                for answers, of in zip(trial.answers, found, strict=True):
                    faces, undetected = int(of.grouping.faces[place]), int(of.undetected[place])
                    both = of.false_positive_rate[place], of.false_negative_rate[place]
                    rows.append((trial.data, _words(attributes), name, answers.model_id, faces, undetected, *both))
    note = f"FPR: men called women; FNR: women called men. {_DETECTED} {_INTERVALS}"
    return Table("rates", "Error rates by group", columns, tuple(rows), note)


def bias(trials: Sequence[Trial]) -> Table:
    """Bias in points, as inaFaceAnalyzer's paper has it."""
    columns = (
        _DATA,
        _MODEL,
        Column("accuracy", "accuracy, %", RATE),
        Column("gender_bias", "gender bias, points", POINTS),
        Column("ethnicity_bias", "ethnicity bias, points", POINTS),
        Column("age_bias", "age bias, points", POINTS),
        _FACES,
    )
    rows: list[tuple[Value, ...]] = []
    for trial, answers in _each(trials):
        overall = float(metrics.accuracy(_tally(trial, answers).counts)[0])
        found = biases.measure(trial.labels, answers)
        rows.append((trial.data, answers.model_id, overall, found.gender, found.ethnicity, found.age, found.faces))
    note = (
        "As Doukhan and Petit (2022): mean difference over perceived gender × ethnicity × age: men minus "
        "women, white minus others, 20 to 50 years minus older. A positive gender bias favours men, unlike the gap. "
        f"Faces: those in a category; the accuracy is of all. {_ERRORS} {_INTERVALS}"
    )
    return Table("bias", "Bias in points, as inaFaceAnalyzer reports it", columns, tuple(rows), note)


def calibration(trials: Sequence[Trial]) -> Table:
    """Expected calibration error, and what temperature scaling makes of it."""
    columns = (
        _DATA,
        _MODEL,
        _FACES,
        Column("calibration_error", "ECE, %", RATE),
        Column("temperature", "temperature", NUMBER),
        Column("calibration_error_scaled", "ECE after scaling, %", RATE),
    )
    rows: list[tuple[Value, ...]] = []
    for trial, answers in _each(trials):
        found = calibrations.calibrate(answers.p_female, trial.labels.female)
        faces = int(answers.answered.sum())
        rows.append((trial.data, answers.model_id, faces, found.error, found.temperature, found.error_after))
    note = (
        f"{_DETECTED} ECE: expected calibration error, {calibrations.BINS} bins (Guo et al. 2017). A temperature above "
        "1 means that the model is too sure. After scaling: by the temperature of one half, on the other."
    )
    return Table("calibration", "Calibration", columns, tuple(rows), note)


def sizes(trial: Trial) -> Table:
    """Accuracy on pictures reduced until the face is so many pixels high; other tools' are not known."""
    heights = sorted({size for answers in trial.answers for size in answers.by_size})
    rows: list[tuple[Value, ...]] = []
    for height in heights:
        p_female = [answers.by_size.get(height) for answers in trial.answers]
        reduced = [None if p is None else _accuracy(trial, Answers("", p)) for p in p_female]
        rows.append((str(height), *reduced))
    rows.append(("as it is", *(_accuracy(trial, answers) for answers in trial.answers)))
    note = (
        f"The face is found in the picture as it is, which is then reduced; smaller faces stay. {_ERRORS} {_INTERVALS}"
    )
    title = f"Accuracy by height of the face, %, on {trial.data}"
    return Table("sizes", title, (Column("face_pixels", "face, pixels"), *_per_model(trial)), tuple(rows), note)


def pairs(trials: Sequence[Trial]) -> Table:
    """Every two models against one another: McNemar's test and the paired difference."""
    columns = (
        _DATA,
        Column("first", "first"),
        Column("second", "second"),
        Column("only_first", "only first right", COUNT),
        Column("only_second", "only second right", COUNT),
        Column("difference", "accuracy, first − second, points", POINTS),
        Column("p_value", "McNemar’s p", P_VALUE),
    )
    rows: list[tuple[Value, ...]] = []
    for trial in trials:
        for first, second in combinations(trial.answers, 2):
            test = comparison.mcnemar(trial.labels, first, second)
            apart = comparison.difference(trial.labels, first, second, comparison.MEASURES["accuracy"])
            counts = test.only_first, test.only_second
            rows.append((trial.data, first.model_id, second.model_id, *counts, apart, test.p_value))
    note = f"{_ERRORS} In brackets 95 % intervals of the paired bootstrap ({DRAWS:,} draws)."
    return Table("pairs", "Models against one another", columns, tuple(rows), note)


def all_tables(trials: Sequence[Trial], by: Sequence[str] | None = None) -> Iterator[Table]:
    """Every table that these trials can fill; of the groups named in ``by``, or of all that are known."""
    if reading := _reading_gender(trials):
        yield from _of_gender(reading, by)
    if ages := age_tables.errors(trials):
        yield ages
    for number, trial in enumerate(trials, start=1):
        if spread.shown(trial):
            yield _numbered(spread.table(trial), number, trials)


def _of_gender(trials: Sequence[Trial], by: Sequence[str] | None) -> Iterator[Table]:
    yield accuracy(trials)
    yield measures(trials)
    for number, trial in enumerate(trials, start=1):
        for attributes in groupings(_known(trial, by)):
            yield _numbered(groups(trial, attributes), number, trials)
    yield disparity(trials, by)
    if any(set(_known(trial, by)) - {"gender"} for trial in trials):
        yield rates(trials, by)
    yield bias(trials)
    yield calibration(trials)
    for number, trial in enumerate(trials, start=1):
        if any(answers.by_size for answers in trial.answers):
            yield _numbered(sizes(trial), number, trials)
    if any(len(trial.answers) > 1 for trial in trials):
        yield pairs(trials)


def summary(trials: Sequence[Trial], by: Sequence[str] = ()) -> str:
    """What a person reads first: accuracy, the groups asked for, and what became of all the pictures."""
    reading = _reading_gender(trials)
    shown = _summary_of_gender(reading, by) if reading else []
    if ages := age_tables.errors(trials):
        shown.append(ages)
    shown += [spread.table(trial) for trial in trials if "ethnicity" in by and spread.shown(trial)]
    texts = [replace(table, note=_without(table.note, _ERRORS, _INTERVALS)).text() for table in shown]
    return "\n\n".join([*texts, "\n".join([_INTERVALS, *chain.from_iterable(map(_remains, trials))])])


def _summary_of_gender(trials: Sequence[Trial], by: Sequence[str]) -> list[Table]:
    shown = [accuracy(trials)]
    if by:
        for trial in trials:
            found = [groups(trial, attributes) for attributes in groupings(by) if attributes != ("gender",)]
            shown += [table for table in found if len(table.rows) <= _WIDEST]
        shown.append(disparity(trials, by))
        if set(by) - {"gender"}:
            shown.append(rates(trials, [name for name in by if name != "gender"][:1]))
    shown += [sizes(trial) for trial in trials if any(answers.by_size for answers in trial.answers)]
    if any(len(trial.answers) > 1 for trial in trials):
        shown.append(pairs(trials))
    return shown


def write_all(trials: Trial | Sequence[Trial], folder: Path, by: Sequence[str] | None = None) -> list[Path]:
    """Write every table and every answer.

    ``tables.txt`` and ``tables.md`` hold all tables, ``NAME.csv`` and ``NAME.tex`` one each; ``answers.parquet`` holds
    what was said of every face (``answers-2.parquet`` and so on for further data sets).

    Returns:
        The files, in the order written.
    """
    trials = [trials] if isinstance(trials, Trial) else list(trials)
    folder.mkdir(parents=True, exist_ok=True)
    tables = list(all_tables(trials, by))
    contents = {
        "tables.txt": "\n\n".join(table.text() for table in tables) + "\n",
        "tables.md": "\n".join(table.markdown() for table in tables),
        **{f"{table.name}.csv": table.csv() for table in tables},
        **{f"{table.name}.tex": table.latex() for table in tables},
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    answers = [f"answers{_suffix(number)}.parquet" for number in range(1, len(trials) + 1)]
    for name, trial in zip(answers, trials, strict=True):
        trial.write(folder / name)
    return [folder / name for name in (*contents, *answers)]


def groupings(attributes: Sequence[str]) -> list[tuple[str, ...]]:
    """Each attribute alone, then every combination of them."""
    return [some for size in range(1, len(attributes) + 1) for some in combinations(attributes, size)]


def _estimates(name: str, title: str, trials: Sequence[Trial], columns: Sequence[Column], note: str) -> Table:
    rows: list[tuple[Value, ...]] = []
    for trial, answers in _each(trials):
        found = comparison.estimates(trial.labels, answers, [column.name for column in columns])
        undetected = int(np.sum(~answers.answered))
        figures = (found[column.name] for column in columns)
        rows.append((trial.data, answers.model_id, len(trial.labels), undetected, *figures))
    return Table(name, title, (_DATA, _MODEL, _FACES, _UNDETECTED, *columns), tuple(rows), note)


def _disparity(found: Groups) -> tuple[Value, ...]:
    counted = int(found.grouping.counted.sum())
    figures = found.mean, found.standard_deviation, found.spread, found.variation
    worst = found.worst
    if worst is None:
        return (counted, *figures, None, None, None)
    return (counted, *figures, found.grouping.names[worst], found.accuracy[worst], int(found.grouping.faces[worst]))


def _groups(trial: Trial, attributes: Sequence[str]) -> list[Groups]:
    return [subgroups.measure(trial.labels, answers, attributes) for answers in trial.answers]


def _known(trial: Trial, by: Sequence[str] | None) -> list[str]:
    known = subgroups.known(trial.labels)
    return [name for name in (subgroups.ATTRIBUTES if by is None else by) if name in known]


def _accuracy(trial: Trial, answers: Answers) -> Interval:
    return comparison.estimates(trial.labels, answers, ["accuracy"])["accuracy"]


def _reading_gender(trials: Sequence[Trial]) -> list[Trial]:
    """The trials without models that tell ages alone, of which accuracy would be nothing but errors."""
    return [reading for trial in trials if (reading := trial.reading_gender).answers]


def _tally(trial: Trial, answers: Answers) -> Tally:
    return Tally(trial.labels.female, answers.p_female)


def _each(trials: Sequence[Trial]) -> Iterator[tuple[Trial, Answers]]:
    return ((trial, answers) for trial in trials for answers in trial.answers)


def _per_model(trial: Trial) -> tuple[Column, ...]:
    return tuple(Column(model, model, RATE) for model in trial.models)


def _words(attributes: Sequence[str]) -> str:
    return " × ".join("perceived gender" if name == "gender" else name for name in attributes)


def _numbered(table: Table, number: int, trials: Sequence[Trial]) -> Table:
    """A table of one trial of several, under a name of its own."""
    name = table.name + _suffix(number).replace("-", "_") if len(trials) > 1 else table.name
    return replace(table, name=name)


def _without(note: str, *sentences: str) -> str:
    for sentence in sentences:
        note = note.replace(sentence, "")
    return note.strip()


def _suffix(number: int) -> str:
    return f"-{number}" if number > 1 else ""


def _remains(trial: Trial) -> Iterator[str]:
    """What became of the pictures that a table does not show."""
    missing = {answers.model_id: int(np.sum(~answers.answered)) for answers in trial.answers}
    if len(set(missing.values())) > 1:
        undetected = ", ".join(f"{count:,} for {model}" for model, count in missing.items())
    else:
        undetected = f"{max(missing.values(), default=0):,}"
    line = f"{trial.data}: of {len(trial.labels):,} faces {undetected} were not detected and count as errors"
    line += f" (detector: {trial.detector_id})"
    if trial.seen:
        line += f"; {trial.seen:,} were left out because a model was trained on them"
    yield line + (
        f"; {len(trial.skipped):,} pictures or rows were skipped:" if trial.skipped else "; nothing was skipped"
    )
    reasons = Counter(reason for _, reason in trial.skipped)
    for reason, count in reasons.most_common(_NAMED):
        names = [name for name, why in trial.skipped if why == reason]
        yield f"  {', '.join(names[:3])}{f' and {count - 3:,} more' if count > 3 else ''}: {reason}"
    if len(reasons) > _NAMED:
        yield f"  … and {len(reasons) - _NAMED:,} other reasons"
