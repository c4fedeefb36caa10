"""``gfpipe label sample``, ``plan`` and ``agreement``: what to label, how much of it, and how far people agree."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from gfpipe.cli import console
from gfpipe.cli.options import Channel, Lake, Since, Until, example
from gfpipe.errors import UsageError
from gfpipe.formats import PERCENT

if TYPE_CHECKING:
    from gfpipe.labelling.design.agreement import Agreement
    from gfpipe.labelling.design.sampling import Allocation
    from gfpipe.stages.labels.plan import Summary as Planned

app = typer.Typer()

_BY = "channel,month,size,confidence"
_BY_NEED = "channel,size,confidence,answer"
_STRATA_SHOWN = 20


class Form(StrEnum):
    """Choices of --format."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


Format = Annotated[Form, typer.Option("--format", help="How rows are printed.")]


@app.command(
    "sample",
    epilog=example(
        "gfpipe label sample --lake lake --name spring --faces 500 --frames 50",
        "gfpipe label sample --lake lake --name summer --faces 300 --active",
        "gfpipe label serve --lake lake --queue spring --annotator AB",
    ),
)
def sample(
    lake: Lake,
    name: Annotated[str, typer.Option(help="What the queue is called.")],
    faces: Annotated[int, typer.Option(min=0, help="Single faces.")] = 500,
    frames: Annotated[int, typer.Option(min=0, help="Whole pictures, for faces that the detector missed.")] = 0,
    repeats: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of the faces that is asked a second time, much later.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same.")] = 0,
    by: Annotated[
        str | None,
        typer.Option(
            help=f"Strata, separated by commas: channel, month, size, confidence, answer (the classifier's). "
            f"Without it {_BY}; with --active {_BY_NEED}."
        ),
    ] = None,
    min_per_stratum: Annotated[
        float, typer.Option(min=0, help="Fewest faces of a stratum, as far as half of the faces allows it.")
    ] = 1.0,
    active: Annotated[
        bool, typer.Option("--active", help="More faces where they make the corrected share surer; see label plan.")
    ] = False,
    since: Since = None,
    until: Until = None,
    channel: Channel = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be drawn.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a queue of that name.")] = False,
) -> None:
    """Draw faces and whole pictures to be labelled, by strata, each with a known chance.

    Whoever labels them measures the classifier without bias: each answer stands
    for as many faces as its chance was small. Faces that were labelled before or
    wait in another queue may be drawn again. Pictures are drawn by channel and
    month alone, with or without faces. It needs a published lake.
    """
    from gfpipe.labelling.design import sampling  # noqa: PLC0415
    from gfpipe.stages.labels import sample as label_sample  # noqa: PLC0415

    names = sampling.checked_by(by or (_BY_NEED if active else _BY), (*sampling.BY, sampling.ANSWER))
    wanted = label_sample.Wanted(
        faces=faces,
        frames=frames,
        repeats=repeats,
        by=names,
        least=min_per_stratum,
        active=active,
        since=since and since.date(),
        until=until and until.date(),
        channels=tuple(channel or ()),
        seed=seed,
    )
    summary = label_sample.run(lake, name, wanted, replace, dry_run)
    _show_strata(summary.faces, "Faces", ",".join(names))
    _show_strata(summary.frames, "Whole pictures", "channel,month")
    drawn = f"{summary.drawn('face')} faces ({summary.repeats} of them twice) and {summary.drawn('frame')} pictures"
    if dry_run:
        console.say(f"{drawn} would be drawn; nothing was written")
        return
    console.say(f"Queue {name}: {drawn}. Label them: gfpipe label serve --lake {lake} --queue {name} --annotator YOU")


@app.command(
    "plan",
    epilog=example(
        "gfpipe label plan --lake lake --width 0.01",
        "gfpipe label plan --lake lake --width 0.02 --channel north --format csv",
    ),
)
def plan(
    lake: Lake,
    width: Annotated[
        float, typer.Option(min=0.0001, max=1, help="That the 95 % interval may have: 0.01 is one percentage point.")
    ],
    by: Annotated[str, typer.Option(help="Strata: channel, month, size, confidence, answer.")] = _BY_NEED,
    since: Since = None,
    until: Until = None,
    channel: Channel = None,
    form: Format = Form.TABLE,
) -> None:
    """Say how many faces must still be labelled, and which, for the corrected share of women to be so sure.

    The share is that of face time, in all that --since, --until and --channel
    leave. Part of its interval comes from which recordings happened to be on air:
    that part no label can shrink. Answers count once they are published.
    """
    from gfpipe.estimates.question import Question  # noqa: PLC0415
    from gfpipe.labelling.design import sampling  # noqa: PLC0415
    from gfpipe.stages.labels import plan as label_plan  # noqa: PLC0415

    names = sampling.checked_by(by, (*sampling.BY, sampling.ANSWER))
    question = Question(
        by=names, since=since and since.date(), until=until and until.date(), only_channels=tuple(channel or ())
    )
    planned = label_plan.run(lake, width, question)
    _show_plan(planned, form)
    _say_plan(planned, lake)


@app.command(
    "agreement",
    epilog=example(
        "gfpipe label agreement --lake lake", "gfpipe label agreement --lake lake --queue spring --format csv"
    ),
)
def agreement(
    lake: Lake,
    queue: Annotated[str | None, typer.Option(help="Only answers to this queue.")] = None,
    form: Format = Form.TABLE,
) -> None:
    """Show how far annotators agree: each pair, all together, and each with themself on faces asked twice.

    Cohen's kappa and Krippendorff's alpha (nominal) with 95 % intervals: 1 is
    perfect, 0 is what chance would bring. Only faces with the very same box are
    compared: those of queues.
    """
    from gfpipe.labelling.design import agreement as measured  # noqa: PLC0415

    found = measured.measure(measured.read(lake, queue))
    if form is Form.TABLE:
        console.table([_agreement(each) for each in found], "Agreement, 95 % intervals in brackets")
        return
    _print(
        [
            {
                "annotators": " + ".join(each.who),
                "measure": each.measure,
                "faces": each.faces,
                "same": each.same,
                "value": each.value.value,
                "low": each.value.low,
                "high": each.value.high,
            }
            for each in found
        ],
        form,
    )


def _agreement(each: "Agreement") -> dict[str, str | int]:
    measure = {"kappa": "Cohen's kappa", "alpha": "Krippendorff's alpha"}[each.measure]
    of = "with themself" if len(each.who) == 1 else "all together" if each.measure == "alpha" else "of two"
    value, low, high = each.value.value, each.value.low, each.value.high
    known = f"{value:.2f}" if value == value else "not defined: all answers are the same"  # noqa: PLR0124 - NaN
    return {
        "annotators": " + ".join(each.who),
        "agreement": of,
        "faces": each.faces,
        "same answer": PERCENT.text(each.same),
        "measure": measure,
        "value": known + (f" ({low:.2f}–{high:.2f})" if low == low else ""),  # noqa: PLR0124
    }


def _show_strata(allocation: "Allocation", title: str, by: str) -> None:
    if not allocation.taken.sum():
        return
    rows = [
        {
            by or "everything": name,
            "in the archive": f"{population:,}",
            "drawn": int(taken),
            "chance of each": f"{probability:.3g}",
        }
        for name, population, taken, probability in zip(
            allocation.strata, allocation.population, allocation.taken, allocation.inclusion_probability, strict=True
        )
    ]
    console.table(rows[:_STRATA_SHOWN], title)
    if len(rows) > _STRATA_SHOWN:
        console.say(f"… and {len(rows) - _STRATA_SHOWN} strata more")


def _show_plan(planned: "Planned", form: Form) -> None:
    if form is Form.TABLE:
        rows = [
            {
                "stratum": each.name,
                "in the archive": f"{each.population:,}",
                "labelled": each.answers,
                "part of the uncertainty": PERCENT.text(each.part),
                "to label": f"{each.faces:.0f}",
            }
            for each in planned.strata
        ]
        console.table(rows[:_STRATA_SHOWN], "What to label, where most is needed first")
        if len(rows) > _STRATA_SHOWN:
            console.say(f"… and {len(rows) - _STRATA_SHOWN} strata more; --format csv has them all")
        return
    _print(
        [
            {
                "stratum": each.name,
                "population": each.population,
                "labels": each.answers,
                "part": each.part,
                "to_label": each.faces,
            }
            for each in planned.strata
        ],
        form,
    )


def _say_plan(planned: "Planned", lake: str) -> None:
    """The plan in sentences, apart from the rows."""
    plan, found = planned.plan, planned.precision
    if found.problem:
        console.say(
            f"Nothing is corrected yet ({found.problem}). The plan takes the classifier's own probabilities for right "
            "where nobody has labelled: plan again after the first hundreds.",
            "yellow",
        )
    else:
        console.say(
            f"Today: {PERCENT.text(found.share)} by {found.answers} labels, an interval {_points(plan.width)} wide; "
            f"{_points(planned.by_labels)} by labels alone, {_points(planned.by_recordings)} by recordings alone."
        )
    if plan.faces == 0:
        console.say(f"It is no wider than {_points(plan.wanted)} already: nothing needs to be labelled.", "green")
    elif plan.faces is None and plan.floor >= plan.wanted:
        console.say(
            f"No number of labels can reach {_points(plan.wanted)}: the archive's own variation is "
            f"{_points(plan.floor)}. More recordings would shrink it.",
            "yellow",
        )
    elif plan.faces is None:
        console.say(f"Not even labelling every face would reach {_points(plan.wanted)}.", "yellow")
    else:
        other = f" ({plan.proportional} if drawn in proportion)" if plan.proportional else ""
        console.say(
            f"Label {plan.faces} faces more{other} for an interval about {_points(plan.promised)} wide: "
            f"gfpipe label sample --lake {lake} --name NAME --faces {plan.faces} --active"
        )


def _points(width: float | None) -> str:
    return "unknown" if width is None else f"{100 * width:.2f} points"


def _print(rows: list[dict[str, object]], form: Form) -> None:
    """Rows for other programs, on standard output."""
    import pyarrow as pa  # noqa: PLC0415

    from gfpipe import warehouse  # noqa: PLC0415

    if form is Form.TABLE:
        raise UsageError("a table is for people")
    typer.echo(warehouse.as_text(pa.Table.from_pylist(rows), "csv" if form is Form.CSV else "json"))
