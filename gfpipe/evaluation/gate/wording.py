"""Decisions of the gate in words and as a table, on the terminal and in Prefect's UI."""

from collections.abc import Iterable
from typing import Final

from gfpipe.evaluation.gate.decision import Check, Decision

CHECKS: Final = "Per cent of faces, and points. To pass, “at least” (with 95 % confidence) must be above “limit”."

_MEASURES: Final = {"worst cell": "worst group", "gap": "gap between women and men"}


def checks(decision: Decision) -> list[dict[str, str | int]]:
    """One row per check; :data:`CHECKS` explains the columns."""
    return [
        {
            "data": check.data,
            "measure": _short(check),
            "verdict": check.verdict,
            decision.candidate: f"{check.candidate:.2f}",
            decision.champion: f"{check.champion:.2f}",
            "better by": f"{check.difference:+.2f}",
            "at least": f"{check.bound:+.2f}",
            "limit": f"{-check.margin:+.2f}",
            "faces": check.faces,
            "where": check.note,
        }
        for check in decision.checks
    ]


def verdict(decision: Decision) -> str:
    """The decision in one sentence."""
    if decision.undecided:
        return f"no decision about {decision.candidate}: {decision.undecided}"
    if not decision.checks:
        return f"{decision.candidate} is the champion already"
    if decision.passed:
        result = f"no worse than {decision.champion}, within the margins, in all {len(decision.checks)} checks"
    else:
        result = f"{_failed(decision.checks)}; not shown to be as good as {decision.champion}"
    if decision.forced is not None:
        return f"{decision.candidate} is promoted by force ({decision.forced}); {result}"
    return f"{decision.candidate} is {'promoted' if decision.passed else 'not promoted'}: {result}"


def _failed(checks: Iterable[Check]) -> str:
    """Such as ``worse (utkface: gap), too few faces to tell (utkface: accuracy; archive: accuracy, gap)``."""
    measures: dict[str, dict[str, list[str]]] = {}
    for check in checks:
        if not check.passed:
            measures.setdefault(check.verdict, {}).setdefault(check.data, []).append(_short(check))
    lists = {
        reason: "; ".join(f"{name}: {', '.join(data[name])}" for name in data) for reason, data in measures.items()
    }
    return ", ".join(f"{reason} ({lists[reason]})" for reason in sorted(lists, reverse=True))


def reasons(decision: Decision) -> str:
    """The checks as a Markdown list."""
    if decision.undecided or not decision.checks:
        return f"Nothing was changed: {decision.champion} is the champion."
    head = f"{decision.candidate} against {decision.champion}, the champion, on faces that neither was trained on:"
    return "\n".join([head, "", *map(_reason, decision.checks)])


def _reason(check: Check) -> str:
    unit = "points" if check.measure == "gap" else "%"
    note = f" ({check.note})" if check.note else ""
    better = _points(check.difference) if round(check.difference, 2) else "the same"
    bound = f"{_points(check.bound)} at {'most' if check.bound < 0 else 'least'}"
    return (
        f"- **{_MEASURES.get(check.measure, check.measure)} on {check.data}: {check.verdict}.** "
        f"{check.candidate:.2f} {unit} against {check.champion:.2f} {unit}{note}, on {check.faces:,} faces: {better}. "
        f"With 95 % confidence it is {bound}; {check.margin:g} points worse would be allowed."
    )


def _points(difference: float) -> str:
    return f"{abs(difference):.2f} points {'worse' if difference < 0 else 'better'}"


def _short(check: Check) -> str:
    return "worst group" if check.measure == "worst cell" else check.measure


def consequences(decision: Decision) -> str:
    """What a promotion means for recordings that were analysed before."""
    return (
        f"From now on {decision.candidate} classifies faces wherever no classifier is named. Figures of two models are "
        f"never in one series, and the next analysis of recordings that {decision.champion} has classified would "
        "repeat all of them. To bring them under the new model in less time, run for each lake, before its next "
        f"analysis:\n\n    gfpipe reclassify --lake LAKE --classifier {decision.candidate}"
    )
