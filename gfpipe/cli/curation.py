"""``gfpipe curate``: training sets out of the archive itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfpipe.cli import console
from gfpipe.cli.options import Lake, Panel, example, names
from gfpipe.flows import tables

if TYPE_CHECKING:
    from gfpipe.stages.models.curate import Summary

app = typer.Typer()

_BALANCE = "confidence,channel,programme,face_size,hour"
_Sure = typer.Option(min=0, max=0.999, help="The same, for faces perceived as of this gender only.")


@app.command(
    rich_help_panel=Panel.MODELS,
    epilog=example(
        "gfpipe analyse /mnt/archive --lake lake --keep-crops --expires 30d",
        "gfpipe curate --lake lake --name march --threshold 0.9 --limit 20000 --dry-run",
        "gfpipe curate --lake lake --name march --threshold-female 0.95 --threshold-male 0.8 --contact-sheets",
    ),
)
def curate(
    lake: Lake,
    name: Annotated[str, typer.Option(help="Of the set; it goes to LAKE/sets/NAME.")],
    threshold: Annotated[
        float, typer.Option(min=0, max=0.999, help="How sure the model must be: |2p - 1|, 0 to 1.")
    ] = 0.9,
    threshold_female: Annotated[float | None, _Sure] = None,
    threshold_male: Annotated[float | None, _Sure] = None,
    limit: Annotated[int, typer.Option(min=0, help="Faces in all, at most; 0: as many as there are.")] = 0,
    balance: Annotated[
        str, typer.Option(help="By what women and men are matched and faces spread, the most important first.")
    ] = _BALANCE,
    validation: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of programmes held back to say when training is to stop.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="Of every lot.")] = 0,
    soft: Annotated[bool, typer.Option("--soft", help="Let classifiers learn the probabilities themselves.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Also where a set of this name is there.")] = False,
    contact_sheets: Annotated[
        bool, typer.Option("--contact-sheets", help="Also draw sheets of the faces; they are copies of crops.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be chosen.")] = False,
) -> None:
    """Choose faces that the model is sure of, as many women as men, for a classifier to learn from.

    The labels are the model's own answers: they are never evaluated on. The
    crops must have been kept (analyse --keep-crops); no picture is copied.
    """
    from gfpipe.curation.selection import Rules  # noqa: PLC0415 - importing NumPy takes its time
    from gfpipe.stages.models import curate as stage  # noqa: PLC0415

    rules = Rules(
        threshold_female=threshold if threshold_female is None else threshold_female,
        threshold_male=threshold if threshold_male is None else threshold_male,
        balance=names(balance),
        limit=limit,
        validation=validation,
        seed=seed,
    )
    config = stage.Config(Path(lake), name, rules, soft, replace, contact_sheets, dry_run)
    with console.counting("crops") as progress:
        summary = stage.run(config, progress)
    _show(summary)


def _show(summary: "Summary") -> None:
    card = summary.card
    console.table(tables.accounts(card), "Faces, by perceived gender")
    for reason, count in card.source.left_out.items():
        console.say(f"{count:,} crops were no candidates: {reason}")
    if len(card.source.models) > 1:
        known = ", ".join(f"{model.id} ({model.faces:,} faces)" for model in card.source.models)
        console.say(f"The labels are those of several models: {known}", "yellow")
    if not any(card.chosen["validation"].values()) and card.rules.validation:
        console.say("Nothing is held back: no programme could be spared that shows women and men.", "yellow")
    folder = console.short(summary.folder)
    if not summary.written:
        console.say(f"Nothing was written; without --dry-run, the set would be in {folder}")
        return
    console.say(f"The set is in {folder}: faces.parquet, card.json and {len(summary.pictures)} pictures")
    if card.source.expires_at:
        console.say(f"The first of its crops expires on {card.source.expires_at:%Y-%m-%d}; learn from it before then.")
