"""``gfpipe label sample``, ``plan`` and ``agreement``: what to label, how many faces, and how well annotators agree."""

import math
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer import Option

from gfpipe.cli import console
from gfpipe.cli.options import DryRun, Lake, PeriodOptions, Queue, Replace, command
from gfpipe.cli.results import output
from gfpipe.cli.results.output import OutputOptions
from gfpipe.output.formats import PERCENT
from gfpipe.output.tables import Table

if TYPE_CHECKING:
    from gfpipe.labelling.design.agreement import Agreement
    from gfpipe.labelling.design.sampling import Allocation
    from gfpipe.stages.labels.plan import Summary as Planned

app = typer.Typer()

_BY: Final = "channel,month,size,confidence"
_BY_NEED: Final = "channel,size,confidence,answer"
_STRATA: Final = "Strata, separated by commas: channel, month, size, confidence, answer (the classifier's)."
_STRATA_SHOWN: Final = 20
_NEEDED: Final = "What to label, most needed first"
_MEASURES: Final = {"kappa": "Cohen's kappa", "alpha": "Krippendorff's alpha"}


@command(
    app,
    "gfpipe label sample --lake lake --queue spring --faces 500 --frames 50",
    "gfpipe label sample --lake lake --queue summer --faces 300 --active",
    "gfpipe label serve --lake lake --queue spring --annotator AB",
)
def sample(
    *,
    lake: Lake,
    queue: Queue,
    faces: Annotated[int, Option(min=0, help="Single faces.")] = 500,
    frames: Annotated[int, Option(min=0, help="Whole pictures, for faces that the detector missed.")] = 0,
    repeats: Annotated[
        float, Option(min=0, max=0.5, help="Share of the faces that are shown a second time, much later.")
    ] = 0.05,
    seed: Annotated[int, Option(min=0, help="Seed of the random draws.")] = 0,
    by: Annotated[
        str | None, Option(metavar="LIST", help=f"{_STRATA} Default: {_BY}; with --active: {_BY_NEED}.")
    ] = None,
    min_per_stratum: Annotated[
        float, Option(min=0, help="Fewest faces of a stratum, as far as half of the faces suffices.")
    ] = 1.0,
    active: Annotated[
        bool, Option(help="Draw more faces where they narrow the interval most; see label plan.")
    ] = False,
    period: PeriodOptions,
    dry_run: DryRun = False,
    replace: Replace = False,
) -> None:
    """Draw a stratified random sample of faces and whole pictures to be labelled.

    Every face is drawn with a known probability, and its label is weighted by the inverse, so the classifier's errors
    are estimated without bias. Faces that are labelled, or are in another queue, may be drawn again. Pictures are drawn
    by channel and month, with or without faces. The lake must be published.
    """
    from gfpipe.labelling.design import sampling  # noqa: PLC0415
    from gfpipe.stages.labels import sample as stage  # noqa: PLC0415

    strata = sampling.checked_by(by or (_BY_NEED if active else _BY), (*sampling.BY, sampling.ANSWER))
    config = stage.Options(
        faces=faces,
        frames=frames,
        repeats=repeats,
        by=strata,
        least=min_per_stratum,
        active=active,
        since=period.since,
        until=period.until,
        channels=tuple(period.channel or ()),
        seed=seed,
    )
    summary = stage.run(lake, queue, config, replace, dry_run)
    _show_strata(summary.faces, "Faces", ",".join(strata))
    _show_strata(summary.frames, "Whole pictures", "channel,month")
    drawn = f"{summary.drawn('face')} faces ({summary.repeats} of them twice) and {summary.drawn('frame')} pictures"
    if dry_run:
        console.say(f"{drawn} would be drawn; nothing was written")
    else:
        console.say(
            f"Queue {queue}: {drawn}. Label them: gfpipe label serve --lake {lake} --queue {queue} --annotator YOU"
        )


@command(
    app,
    "gfpipe label plan --lake lake --width 0.01",
    "gfpipe label plan --lake lake --width 0.02 --channel north --out plan.csv",
)
def plan(
    *,
    lake: Lake,
    width: Annotated[
        float, Option(min=0.0001, max=1, help="Target width of the 95 % interval; 0.01 is one percentage point.")
    ],
    by: Annotated[str, Option(metavar="LIST", help=_STRATA)] = _BY_NEED,
    period: PeriodOptions,
    to: OutputOptions,
) -> None:
    """Print how many faces must still be labelled, and of which strata, for an interval of a given width.

    The interval is that of the corrected share of women in face time. Part of its width is due to which recordings were
    on air; labels cannot reduce that part. Labels count once they are published.
    """
    from gfpipe.labelling.design import sampling  # noqa: PLC0415
    from gfpipe.stages.labels import plan as stage  # noqa: PLC0415

    strata = sampling.checked_by(by, (*sampling.BY, sampling.ANSWER))
    planned = stage.run(lake, width, period.question(strata))
    rows = [
        {
            "stratum": stratum.name,
            "in the archive": f"{stratum.population:,}",
            "labelled": stratum.answers,
            "part of the uncertainty": PERCENT.text(stratum.part),
            "to label": f"{stratum.faces:.0f}",
        }
        for stratum in planned.strata
    ]
    if to == OutputOptions():
        _show_head(rows, _NEEDED, "; --out FILE.csv has all")
    else:
        figures = [
            {"stratum": row.name, "population": row.population, "labels": row.answers, "part": row.part}
            | {"to_label": row.faces}
            for row in planned.strata
        ]
        output.emit(to, Table.of("plan", _NEEDED, rows), figures)
    _say_plan(planned, lake)


@command(
    app, "gfpipe label agreement --lake lake", "gfpipe label agreement --lake lake --queue spring --out agreement.csv"
)
def agreement(
    *,
    lake: Lake,
    queue: Annotated[str | None, Option(metavar="NAME", help="Only labels of this queue.")] = None,
    to: OutputOptions,
) -> None:
    """Show how well annotators agree: each pair, all together, and each with their own repeated labels.

    Cohen's kappa and Krippendorff's alpha (nominal) with 95 % intervals: 1 is perfect agreement, 0 is agreement by
    chance. Only labels of exactly the same box are compared, as in queues.
    """
    from gfpipe.labelling.design import agreement as agreements  # noqa: PLC0415

    rows = agreements.measure(agreements.read(lake, queue))
    shown = Table.of("agreement", "Agreement, 95 % intervals in brackets", list(map(_agreement, rows)))
    output.emit(to, shown, list(map(_record, rows)))


def _record(row: "Agreement") -> dict[str, Any]:
    record = {"annotators": " + ".join(row.annotators), "measure": row.measure, "faces": row.faces, "same": row.same}
    return record | {"value": row.value.value, "low": row.value.low, "high": row.value.high}


def _agreement(row: "Agreement") -> dict[str, str | int]:
    interval = row.value
    several = "all together" if row.measure == "alpha" else "of two"
    ends = "" if math.isnan(interval.low) else f" ({interval.low:.2f}–{interval.high:.2f})"
    undefined = math.isnan(interval.value)
    return {
        "annotators": " + ".join(row.annotators),
        "agreement": "with oneself" if len(row.annotators) == 1 else several,
        "faces": row.faces,
        "same answer": PERCENT.text(row.same),
        "measure": _MEASURES[row.measure],
        "value": "not defined: all answers are the same" if undefined else f"{interval.value:.2f}{ends}",
    }


def _show_strata(allocation: "Allocation", title: str, by: str) -> None:
    if allocation.taken.sum():
        columns = (allocation.strata, allocation.population, allocation.taken, allocation.inclusion_probability)
        rows = [
            {
                by or "everything": name,
                "in the archive": f"{population:,}",
                "drawn": int(taken),
                "probability": f"{probability:.3g}",
            }
            for name, population, taken, probability in zip(*columns, strict=True)
        ]
        _show_head(rows, title)


def _show_head(rows: list[dict[str, Any]], title: str, hint: str = "") -> None:
    console.table(rows[:_STRATA_SHOWN], title)
    if len(rows) > _STRATA_SHOWN:
        console.say(f"… and {len(rows) - _STRATA_SHOWN} more strata{hint}")


def _say_plan(planned: "Planned", lake: str) -> None:
    plan, precision = planned.plan, planned.precision
    if precision.problem:
        console.say(
            f"No correction yet ({precision.problem}). The plan assumes that the classifier's probabilities are right "
            "where there are no labels: plan again after the first few hundred.",
            "yellow",
        )
    else:
        console.say(
            f"Today: {PERCENT.text(precision.share)} from {precision.answers} labels, interval {_points(plan.width)} "
            f"wide; {_points(planned.by_labels)} due to labels, {_points(planned.by_recordings)} to recordings alone."
        )
    if plan.faces == 0:
        console.say(f"The interval is no wider than {_points(plan.target)}: no labels are needed.", "green")
    elif plan.faces is None and plan.floor >= plan.target:
        console.say(
            f"No number of labels can reach {_points(plan.target)}: the archive's own variation is "
            f"{_points(plan.floor)}. More recordings would reduce it.",
            "yellow",
        )
    elif plan.faces is None:
        console.say(f"Even labelling every face would not reach {_points(plan.target)}.", "yellow")
    else:
        proportional = f" ({plan.proportional} if drawn in proportion)" if plan.proportional else ""
        console.say(
            f"Label {plan.faces} more faces{proportional} for an interval about {_points(plan.promised)} wide: "
            f"gfpipe label sample --lake {lake} --queue NAME --faces {plan.faces} --active"
        )


def _points(width: float | None) -> str:
    return "unknown" if width is None else f"{100 * width:.2f} points"
