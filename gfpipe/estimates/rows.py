"""The rows of the rollup that a question is about, and its labels, as arrays."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.estimates.question import quoted
from gfpipe.statistics import debiasing
from gfpipe.statistics.misclassification import ANSWERS, SIZES, TRUTHS, Labels, correction
from gfpipe.statistics.screen_time import SUMS, of_a_second
from gfpipe.warehouse import Warehouse

Part = tuple[str, str]  # channels that share their labels, and a model


def _index(column: str, names: tuple[str, ...]) -> str:
    return f"list_position({list(names)}, {column}) - 1"


# Labelled faces with predictions. Without a time on air that counts, `date` and `hour` match no row of the rollup.
_LABELS: Final = f"""
select
    recordings.recording_number,
    coalesce(channel_groups.channel_number, 0) as channel_number,
    {_index("labelled_faces.size", SIZES)} as size,
    coalesce({_index("labelled_faces.answer", TRUTHS)}, {len(TRUTHS)}) as truth,
    {_index("labelled_faces.perceived_gender", ANSWERS)} as answer,
    labelled_faces.weight * labelled_faces.step_seconds * part_of_draws(labelled_faces.channel, draw) as weight,
    coalesce(channel_groups.channel_group, '') as channel_group,
    labelled_faces.model_id,
    labelled_faces.drawn,
    labelled_faces.weight * labelled_faces.step_seconds
    * count(*) over (partition by labelled_faces.channel, drawn, draw)
    / count(*) over (partition by labelled_faces.channel, drawn) as drawn_weight,
    labelled_faces.p_female,
    labelled_faces.no_female_probability,
    labelled_faces.no_male_probability,
    cast(local_time(recordings.timezone, quarter) as date) as date,
    cast(hour(local_time(recordings.timezone, quarter)) as integer) as hour
from labelled_faces
inner join recordings using (recording_id)
left join channel_groups on labelled_faces.channel = channel_groups.channel
cross join lateral (select to_timestamp(quarter_hour(labelled_faces.aired_at) * 900) as quarter)
where labelled_faces.perceived_gender is not null
order by all
"""
_PARTS: Final = """
select distinct channel_group, model_id from asked where analysed_seconds > 0 order by channel_group, model_id
"""
_COMPOSITIONS: Final = "select distinct composition from compositions where method = 'faces' and composition > 0"
_ADDED: Final = tuple(f"v{column}" for column in range(SUMS))
_JOIN: Final = """
left join ({sums}) as sums
    on
        indexed.recording_number = sums.recording_number
        and indexed.date is not distinct from sums.date
        and indexed.hour is not distinct from sums.hour
"""
_SUMS: Final = f"""
select
    compositions.recording_number,
    compositions.air_date as date,
    compositions.hour,
    {", ".join(f"sum(compositions.seconds * a_second.{name}) as {name}" for name in _ADDED)}
from compositions
inner join asked
    on
        compositions.recording_number = asked.recording_number
        and compositions.air_date is not distinct from asked.date
        and compositions.hour is not distinct from asked.hour
inner join a_second
    on
        asked.channel_group = a_second.channel_group
        and asked.model_id = a_second.model_id
        and compositions.composition = a_second.composition
where compositions.method = 'faces'
group by all
"""


@array_dataclass
class Labelled:
    """L labelled faces; channels are numbered as in `Rows`, 0 if they are not in the rollup.

    Attributes:
        recording, channel, size, truth, answer: (L,) int; see `gfpipe.statistics.misclassification.Labels`. The truth
            of an undecided label is the number of `TRUTHS`.
        weight: (L,) float.
        channel_group, model: (L,) str.
    """

    recording: NDArray[np.int64]
    channel: NDArray[np.int64]
    size: NDArray[np.int64]
    truth: NDArray[np.int64]
    answer: NDArray[np.int64]
    weight: NDArray[np.float64]
    channel_group: NDArray[np.str_]
    model: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.recording)

    def of(self, part: Part, units: NDArray[np.int64]) -> Labels:
        """Labels of the part's model, of which those of its channels are at hand; `units` are (L,) rows of weights."""
        chosen = (self.model == part[1]) & (self.truth < len(TRUTHS))  # undecided is not informative about errors
        of_all = (units, self.recording, self.channel_group == part[0], self.size, self.truth, self.answer, self.weight)
        return Labels(*(values[chosen] for values in of_all))


@array_dataclass
class Rows:
    """N rows of recordings that were analysed, by recording, date and hour.

    Attributes:
        recording: (N,) int, numbers in the warehouse, ascending.
        groups: by grouping, (N,) int, index of the row's group.
        channel, programme_class: (N,) int.
        part: (N,) int, index into `parts`.
        parts: channels that share their labels, with their model.
        seconds: (N, S) float, columns of the rollup.
        sums: (N, SUMS) float, see `gfpipe.statistics.screen_time.of_a_second`.
        drawn: (N, debiasing.SUMS) float, sums of the labels drawn at random, see `debiasing.of_labels`.
        day: (N,) int, days since 1970; -1 if unknown.
    """

    recording: NDArray[np.int64]
    groups: tuple[NDArray[np.int64], ...]
    channel: NDArray[np.int64]
    programme_class: NDArray[np.int64]
    part: NDArray[np.int64]
    parts: tuple[Part, ...]
    seconds: NDArray[np.float64]
    sums: NDArray[np.float64]
    drawn: NDArray[np.float64]
    day: NDArray[np.int64]


def read(
    db: Warehouse, groupings: Sequence[Sequence[str]], seconds: Sequence[str], faces: bool = False
) -> tuple[Rows, Labelled]:
    """Read the rows of ``asked`` with these columns of seconds, and the labels that are informative about errors.

    The index of a group is its place in the order of the grouping's columns, among all rows of ``asked``. Without
    labels nothing is corrected, so that sums of faces are read on request only.
    """
    labels = db.query(_LABELS)
    labelled = _labelled(labels)
    summed = faces or len(labelled) > 0
    if summed:
        _lend_seconds(db, labelled)
    ranks = (f"dense_rank() over (order by {_columns(by)}) - 1 as group_{place}" for place, by in enumerate(groupings))
    table = db.query(
        f"""
        with indexed as (select *, {", ".join(ranks)} from asked)

        select indexed.* {f", {_columns(_ADDED)}" if summed else ""}
        from indexed
        {_JOIN.format(sums=_SUMS) if summed else ""}
        where indexed.analysed_seconds > 0
        order by indexed.recording_number, indexed.date, indexed.hour
        """
    )
    groups, models = (table[name].combine_chunks().dictionary_encode() for name in ("channel_group", "model_id"))
    pairs = groups.indices.to_numpy().astype(np.int64) * max(len(models.dictionary), 1) + models.indices.to_numpy()
    kinds, part = np.unique(pairs, return_inverse=True)
    names = [divmod(int(kind), len(models.dictionary)) for kind in kinds]
    classes = table["programme_class"].combine_chunks().dictionary_encode().indices
    rows = Rows(
        recording=_ints(table, "recording_number"),
        groups=tuple(_ints(table, f"group_{place}") for place in range(len(groupings))),
        channel=_ints(table, "channel_number"),
        programme_class=classes.fill_null(-1).to_numpy().astype(np.int64),
        part=part,
        parts=tuple((groups.dictionary[group].as_py(), models.dictionary[model].as_py()) for group, model in names),
        seconds=_stacked(table, seconds),
        sums=_stacked(table, _ADDED) if summed else np.zeros((len(table), SUMS)),
        drawn=_drawn(labels.filter(labels["drawn"]), table),
        day=_ints(table, "date"),
    )
    return rows, labelled


def _labelled(table: pa.Table) -> Labelled:
    return Labelled(
        recording=_ints(table, "recording_number"),
        channel=_ints(table, "channel_number"),
        size=_ints(table, "size"),
        truth=_ints(table, "truth"),
        answer=_ints(table, "answer"),
        weight=table["weight"].to_numpy(),
        channel_group=table["channel_group"].to_numpy(zero_copy_only=False).astype(str),
        model=table["model_id"].to_numpy(zero_copy_only=False).astype(str),
    )


def _drawn(labels: pa.Table, rows: pa.Table) -> NDArray[np.float64]:
    """Sums of labels by the row of the recording, date and hour of each."""
    sums = np.zeros((len(rows), debiasing.SUMS))
    key = ("recording_number", "date", "hour")
    own = np.column_stack([_ints(labels, name) for name in key])
    known = np.column_stack([_ints(rows, name) for name in key])
    (labelled,) = np.nonzero(np.isin(known[:, 0], own[:, 0]))
    _, place = np.unique(np.concatenate([known[labelled], own]), axis=0, return_inverse=True)
    row = np.full(len(place), -1)
    row[place[: len(labelled)]] = labelled
    of_label = row[place[len(labelled) :]]
    weight, p_female, no_female, no_male = (
        labels[name].to_numpy() for name in ("drawn_weight", "p_female", "no_female_probability", "no_male_probability")
    )
    added = debiasing.of_labels(_ints(labels, "truth"), weight, p_female, no_female, no_male)
    np.add.at(sums, of_label[of_label >= 0], added[of_label >= 0])
    return sums


def _lend_seconds(db: Warehouse, labelled: Labelled) -> None:
    """Define ``a_second`` of every composition of each part, by the part's estimated correction."""
    once = np.zeros(len(labelled), np.int64)
    parts = [(row["channel_group"], row["model_id"]) for row in db.query(_PARTS).to_pylist()]
    compositions = db.query(_COMPOSITIONS)["composition"].to_numpy()
    found = [of_a_second(compositions, correction(labelled.of(part, once), np.ones((1, 1)))) for part in parts]
    values = np.concatenate([np.empty((0, SUMS)), *found])
    keys = {
        name: pa.array([part[place] for part in parts for _ in compositions], pa.string())
        for place, name in enumerate(("channel_group", "model_id"))
    }
    added = {name: values[:, column] for column, name in enumerate(_ADDED)}
    db.lend("a_second", pa.table({**keys, "composition": np.tile(compositions, len(parts)), **added}))


def _columns(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names)) or "true"


def _ints(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Whole numbers, and days since 1970; -1 if unknown."""
    values = table[name].cast(pa.int32()) if pa.types.is_date(table[name].type) else table[name]
    numbers: NDArray[np.int64] = values.fill_null(-1).to_numpy().astype(np.int64)
    return numbers


def _stacked(table: pa.Table, names: Sequence[str]) -> NDArray[np.float64]:
    columns = [table[name].fill_null(0).to_numpy() for name in names]
    return np.reshape(columns, (len(names), table.num_rows)).T
