"""Questions to a warehouse: which rows of the rollup, in which groups."""

from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Final

import pyarrow as pa

from gfpipe.base.validation import parse
from gfpipe.choices import GROUPINGS, DateOrder
from gfpipe.counting import Counting
from gfpipe.errors import UsageError
from gfpipe.estimates import exclusions
from gfpipe.warehouse import Warehouse

_COLUMN: Final = {"model": "model_id"}
_RESERVED: Final = (
    *("recording_number", "year", "model", "hidden_seconds"),
    *("channel_group", "channel_number", "programme_class"),
)
# Relations that depend on face_gender, in order.
_OF_FACE_GENDER: Final = (
    "tracks",
    "classified_faces",
    "sample_compositions",
    "sample_gender",
    "counted_samples",
    "compositions",
    "rollup",
    "labelled_pictures",
    "matched_labels",
    "labelled_faces",
)


@dataclass(frozen=True)
class Question:
    """Which screen time to measure, and by which groups.

    Attributes:
        by: channel, programme, date, week, month, year, weekday, hour, model, or a column of the two CSV files.
        min_face: minimum height of the faces that count, in lines of a frame scaled to 360 lines; None: as published.
        min_score: minimum detector score of the faces that count; None: as published.
        model: classifier whose predictions count, in recordings that it has classified; None: each recording's own.
        exclude: CSV of channel, start, end, reason: intervals to exclude.
        dates: order of dates such as 01/03/2024 in `exclude`, if it does not show it.
        programmes: CSV of programme and classes such as genre.
        channels_file: CSV of channel and its properties; channels of the same ``group`` share their labels.
        only_channels: empty for all.
        since, until: first and last day on air.
        only: columns of the rollup, each with the values to which it is restricted, as text.
        mix_models: allow one figure for recordings classified by several models.
        draws: of the bootstrap.
    """

    by: tuple[str, ...] = ()
    min_face: float | None = None
    min_score: float | None = None
    model: str | None = None
    exclude: Path | None = None
    dates: DateOrder | None = None
    programmes: Path | None = None
    channels_file: Path | None = None
    only_channels: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    mix_models: bool = False
    draws: int = 2000


def narrow(db: Warehouse, question: Question) -> None:
    """Apply a question's thresholds and exclusions to the session's rollup, and define ``asked``, the selected rows.

    ``asked`` has the columns of rollup and CSV files, ``recording_number``, ``year``, ``channel_group``,
    ``channel_number``, ``programme_class`` (the first of the programme's classes) and ``hidden_seconds`` (excluded).

    Raises:
        UsageError: a CSV file is not valid, or a channel or model does not exist.
        LakeError: the warehouse cannot be read.
    """
    counts_again = question.min_face is not None or question.min_score is not None
    if question.model is not None:
        _choose_model(db, question.model, () if counts_again else _OF_FACE_GENDER)
    if counts_again:
        _count_again(db, question)
    if question.exclude is not None:
        exclusions.apply(db, question.exclude, question.dates)
    classes = _lend_classes(db, "programme", question.programmes)
    groups = _lend_classes(db, "channel", question.channels_file)
    channel_group = 'coalesce("group", channel)' if "group" in groups else "channel"
    db.redefine(
        "channel_groups",
        f"""
        select channel, {channel_group} as channel_group, row_number() over (order by channel) as channel_number
        from (select distinct channel from rollup)
        left join channel_classes using (channel)
        """,
    )
    db.redefine(
        "asked",
        f"""
        select
            *,
            year(date) as year,
            {quoted(classes[0]) if classes else "''"} as programme_class,
            {"coalesce(excluded_seconds, 0)" if question.exclude else "0"} as hidden_seconds
        from rollup
        left join (select recording_id, recording_number from recordings) using (recording_id)
        left join programme_classes using (programme)
        left join channel_classes using (channel)
        left join channel_groups using (channel)
        {"left join excluded using (recording_id, date, hour)" if question.exclude else ""}
        where {" and ".join(_conditions(db, question))}
        """,
    )


def columns(db: Warehouse, by: tuple[str, ...]) -> tuple[str, ...]:
    """Columns of ``asked`` that group its rows.

    Raises:
        UsageError: a name is unknown or repeated.
    """
    classes = (db.query(f"from {key}_classes limit 0").column_names[1:] for key in ("programme", "channel"))
    known = [*GROUPINGS, *chain.from_iterable(classes)] if {*by} - {*GROUPINGS} else GROUPINGS
    for name in by:
        if name not in known:
            raise UsageError(f"--by {name}: choose from {', '.join(known)}")
    if len(set(by)) < len(by):
        raise UsageError(f"--by {','.join(by)}: a name stands there twice")
    return tuple(_COLUMN.get(name, name) for name in by)


def _conditions(db: Warehouse, question: Question) -> list[str]:
    conditions = ["true"]
    if question.since:
        conditions.append(f"date >= date '{question.since}'")
    if question.until:
        conditions.append(f"date <= date '{question.until}'")
    if question.only_channels:
        known = set(db.query("select distinct channel from rollup")["channel"].to_pylist())
        for channel in question.only_channels:
            if channel not in known:
                choices = ", ".join(sorted(filter(None, known)))
                raise UsageError(f"--channel {channel}: there is none; choose from {choices}")
        db.lend("only_channels", pa.table({"channel": list(question.only_channels)}))
        conditions.append("channel in (from only_channels)")
    for name, values in question.only:
        db.lend(f"only_{name}", pa.table({"text": pa.array(values, pa.string())}))
        conditions.append(f"cast({quoted(name)} as varchar) in (from only_{name})")
    return conditions


def counting(db: Warehouse, question: Question) -> Counting:
    """Thresholds of the faces that count: the published ones, replaced by those of the question."""
    published = db.query("from counting").to_pylist()[0]
    changed = {name: value for name in published if (value := getattr(question, name, None)) is not None}
    return parse(Counting, published | changed)


def _count_again(db: Warehouse, question: Question) -> None:
    thresholds = counting(db, question)
    lacking = db.query(
        """
        select recordings.path
        from recordings
        where
            status <> 'failed' and sampling <> 'imported'
            and cast(stored_score(min_score) as float) > cast($min_score as float)
        """,
        {"min_score": thresholds.min_score},
    )["path"].to_pylist()
    if lacking:
        raise UsageError(
            f"--min-score {thresholds.min_score:g}: faces of {lacking[0]} and {len(lacking) - 1} other recordings are "
            f"stored from a higher score; run gfpipe analyse again with min_score = {thresholds.min_score:g}"
        )
    db.lend("counting", pa.Table.from_pylist([vars(thresholds)], db.query("from counting limit 0").schema))
    db.redefine(
        "face_gender",
        """
        select face_gender.* replace (
            height_360 >= counting.min_face
            and is_detected(detector_score, recordings.sampling, counting.min_score) as counted
        )
        from face_gender
        inner join recordings using (recording_number)
        cross join counting
        """,
        _OF_FACE_GENDER,
    )


def _choose_model(db: Warehouse, model: str, downstream: tuple[str, ...]) -> None:
    """Count the predictions of a model where it has classified all faces of a recording.

    ``downstream`` is empty if ``face_gender`` is redefined once more.
    """
    known = db.query("select distinct model_id from attributes order by model_id")["model_id"].to_pylist()
    if model not in known:
        raise UsageError(f"--model {model}: it has classified no recording; choose from {', '.join(known)}")
    db.lend("chosen_model", pa.table({"model_id": [model]}))
    db.redefine(
        "readings",
        """
        select recording_number, sample_index, face_index, p_female, age_years
        from attributes
        semi join chosen_model using (model_id)
        """,
    )
    db.redefine(
        "recordings",
        """
        with unread as (
            select distinct recording_number
            from gfpipe.face_gender
            anti join readings using (recording_number, sample_index, face_index)
        )

        select recordings.* replace (
            case when unread.recording_number is null then chosen_model.model_id else classifier_id end as classifier_id
        )
        from gfpipe.recordings
        cross join chosen_model
        left join unread using (recording_number)
        """,
    )
    db.redefine(
        "face_gender",
        """
        select face_gender.* replace (
            case when is_chosen then readings.p_female else face_gender.p_female end as p_female,
            case when is_chosen then readings.age_years else face_gender.age_years end as age_years
        )
        from gfpipe.face_gender
        inner join (
            select recording_number, classifier_id = chosen_model.model_id as is_chosen
            from recordings cross join chosen_model
        ) using (recording_number)
        left join readings using (recording_number, sample_index, face_index)
        """,
        downstream,
    )


def _lend_classes(db: Warehouse, key: str, path: Path | None) -> tuple[str, ...]:
    """Define ``<key>_classes`` from the CSV file of programmes or channels; returns the names of its other columns."""
    if path is None:
        table = pa.table({key: pa.array([], pa.string())})
    else:
        from gfpipe.archive import annotations  # noqa: PLC0415

        table = annotations.classes(path, key, {*db.query("from rollup limit 0").column_names, *_RESERVED})
    db.lend(f"{key}_classes", table)
    return tuple(table.column_names[1:])


def quoted(name: str) -> str:
    """Quote a column's name."""
    return '"' + name.replace('"', '""') + '"'
