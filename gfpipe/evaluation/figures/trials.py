"""All figures of an evaluation."""

from pathlib import Path
from typing import Final

from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.figures.curves import by_face_size, reliability_plot, roc_curves
from gfpipe.evaluation.figures.groups import subgroup_bars
from gfpipe.evaluation.figures.matrices import confusion_matrices, heat_maps
from gfpipe.evaluation.figures.plotting import save
from gfpipe.evaluation.measures import subgroups
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.output.drawing import Plan

_GROUPINGS: Final = (("ethnicity",), ("age",), ("gender",), ("ethnicity", "gender"), ("age", "gender"))


def write(trial: Trial, folder: Path, draws: int = DRAWS) -> tuple[Path, ...]:
    """Draw every figure for which a trial has data: none if no model predicts perceived gender.

    The files are ``roc``, ``confusion``, ``subgroups-ethnicity`` and other groups, ``heatmap``, ``reliability`` and
    ``sizes``, each as ``.svg`` and ``.png``.
    """
    trial = trial.reading_gender
    if not trial.answers:
        return ()
    plans: dict[str, Plan | None] = {"roc": roc_curves(trial), "confusion": confusion_matrices(trial)}
    known = set(subgroups.known(trial.labels))
    for attributes in _GROUPINGS:
        if known.issuperset(attributes):
            plans[f"subgroups-{'-'.join(attributes)}"] = subgroup_bars(trial, attributes, draws)
    plans |= {"heatmap": heat_maps(trial), "reliability": reliability_plot(trial), "sizes": by_face_size(trial, draws)}
    return tuple(path for name, plan in plans.items() if plan for path in save(plan, folder, name))
