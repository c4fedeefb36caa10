"""The report as one self-contained HTML document.

Contents ─► figures (SVG), sentences, tables ─► template ─► HTML
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jinja2
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from gfpipe.choices import Language
from gfpipe.output import formats
from gfpipe.output.drawing import Chart, standalone
from gfpipe.output.formats import known
from gfpipe.report import elements, language, notes, periods, tables
from gfpipe.report.calendar import channels_of
from gfpipe.report.contents import Contents, Facts
from gfpipe.report.drawings.axes import PAGE, draw
from gfpipe.report.elements import Row
from gfpipe.report.language import N_, _, say, say_n
from gfpipe.report.sections import figures, measure, with_value
from gfpipe.report.tables import CORRECTED, DEBIASED, SHARE

__all__ = ["Contents", "Facts", "charts", "render"]

PROGRAMMES_SHOWN: Final = 50
SAMPLINGS: Final = {
    "keyframes": N_("The pictures are the encoder’s keyframes, at most {seconds} s apart."),
    "exact": N_("One picture is taken every {seconds} s."),
    "imported": N_("The faces were detected by another program, about every {seconds} s."),
}


def render(contents: Contents, tongue: Language = Language.EN) -> str:
    """Render the page in a language; it loads no resources, and can be read without its script."""
    with language.speaking(tongue):
        return _render(contents.legible())


def charts(contents: Contents, tongue: Language = Language.EN) -> dict[str, Chart]:
    """The figures of the page as charts that hold their data, by id."""
    with language.speaking(tongue):
        contents = contents.legible()
        shown = figures(contents, _named_channels(contents))
        return {figure.identity: standalone(figure.plan(PAGE)) for figure in shown if figure and figure.plan}


def _render(contents: Contents) -> str:
    channels = _named_channels(contents)
    shown = {figure.identity: figure for figure in figures(contents, channels) if figure}
    programmes = _programmes(_accepted(contents.programmes, contents.coverage))
    script = _part("script.js")
    return _template().render(
        language=language.current().language,
        gap=language.current().space,
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=_part("style.css"),
        headline=contents.headline,
        share=measure([contents.headline]),
        facts=contents.facts,
        period=_period(contents),
        channels=[row["channel"] for row in channels],
        measures=tables.measures(contents.headline),
        figures=shown,
        sections=_sections({*shown, *(["programmes"] if programmes["table"] else [])}),
        programmes=programmes,
        missing=_missing(contents.missing),
        confusion=tables.confusion(contents.confusion.to_pylist()) if contents.confusion.num_rows else None,
        labelled=_total(contents.confusion, "faces"),
        recall=_recall(contents.recall),
        SHARE=SHARE,
    )


def _sections(shown: set[str]) -> Mapping[str, str]:
    """Headings of the sections, by id; those without a figure are omitted."""
    headings = {
        "measures": ("", _("Screen time")),
        "over-time": ("trend", _("Over time")),
        "by-hour": ("weekday-hours", _("By weekday and hour")),
        "by-channel": ("channels", _("By channel")),
        "by-programme": ("programmes", _("Programmes")),
        "by-day": ("coverage", _("Coverage")),
        "by-method": ("sensitivity", _("Sensitivity to the method")),
        "errors": ("", _("Model errors")),
        "method": ("", _("Method and limits")),
        "cite": ("", _("How to cite")),
    }
    return {identity: heading for identity, (figure, heading) in headings.items() if not figure or figure in shown}


def _methods(rows: Sequence[Row]) -> list[str]:
    return [SHARE, *(name for name in (CORRECTED, DEBIASED) if with_value(rows, name))]


def _programmes(rows: Sequence[Row]) -> Mapping[str, Any]:
    shown, rest = rows[:PROGRAMMES_SHOWN], rows[PROGRAMMES_SHOWN:]
    return {
        "table": tables.programmes(shown, _methods(shown)) if shown else None,
        "more": len(rest),
        "more_hours": sum(known(row.get("hours_analysed")) or 0.0 for row in rest),
    }


def _missing(table: pa.Table) -> Mapping[str, Any]:
    """The table of recordings that failed or are of unknown length, and those that it does not list."""
    rows = table.to_pylist()
    known_hours = [row for row in rows if known(row["hours_missing"]) is not None]
    unknown = [row for row in rows if known(row["hours_missing"]) is None]
    listed = sum(row["hours_missing"] for row in known_hours)
    return {
        "table": tables.missing(rows) if rows else None,
        "more": known_hours[0]["of_kind"] - len(known_hours) if known_hours else 0,
        "more_hours": (known_hours[0]["hours_of_kind"] if known_hours else 0) - listed,
        "more_unknown": unknown[0]["of_kind"] - len(unknown) if unknown else 0,
    }


def _recall(table: pa.Table) -> Mapping[str, Any]:
    rows = table.to_pylist()
    annotated = any(known(row.get(name)) is not None for row in rows for name in ("recall_female", "recall_male"))
    reasons = sorted({notes.for_readers(str(row["reason"])) for row in rows if row.get("reason")})
    return {
        "table": tables.recall(rows) if annotated else None,
        "reasons": reasons or [notes.for_readers("no picture was marked whole")],
    }


def _named_channels(contents: Contents) -> list[dict[str, Any]]:
    channels = _accepted(contents.channels, contents.coverage)
    return [{**row, "channel": row.get("channel") or _("not named")} for row in channels]


def _accepted(table: pa.Table, coverage: pa.Table) -> list[dict[str, Any]]:
    """Channels or programmes by hours analysed, without those that only rejected files have."""
    accepted = channels_of(coverage)
    rows: list[dict[str, Any]] = table.to_pylist()
    kept = [row for row in rows if row.get("channel") in accepted or known(row.get("hours_analysed"))]
    return sorted(kept, key=lambda row: -(known(row.get("hours_analysed")) or 0))


def _period(contents: Contents) -> str | None:
    if contents.facts.period:
        return periods.span(*contents.facts.period)
    days = [day for day in contents.coverage["air_date"].unique().to_pylist() if day is not None]
    return periods.span(min(days), max(days)) if days else None


def _total(table: pa.Table, column: str) -> float:
    return float(pc.sum(table[column]).as_py() or 0) if table.num_rows else 0.0


def _part(name: str) -> str:
    return files("gfpipe.report").joinpath("template", name).read_text(encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gfpipe.report", "template"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": periods.day, "note": notes.for_readers}
    environment.globals |= {
        "_": _, "say": say, "say_n": say_n, "number": language.number, "elements": elements, "formats": formats,
        "Markup": Markup, "SAMPLINGS": SAMPLINGS, "draw": draw,
    }  # fmt: skip
    return environment.get_template("page.html.jinja")
