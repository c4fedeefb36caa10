"""Seconds of each group corrected by the labels of its channels and model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gfpipe.estimates.sample import Sample
from gfpipe.statistics.misclassification import ANSWERS, SIZES, TRUTHS, Correction, Labels, correction
from gfpipe.statistics.screen_time import Corrected, Corrector, Seconds
from gfpipe.warehouse import Warehouse


def _index(column: str, names: tuple[str, ...]) -> str:
    return f"list_position({list(names)}, {column}) - 1"


# Predictions for labelled faces; the label undecided is not informative about errors.
_LABELS: Final = f"""
select
    recordings.recording_number,
    labelled_faces.channel,
    channel_groups.channel_group,
    labelled_faces.model_id,
    {_index("labelled_faces.size", SIZES)} as size,
    {_index("labelled_faces.answer", TRUTHS)} as truth,
    {_index("labelled_faces.perceived_gender", ANSWERS)} as answer,
    labelled_faces.weight * labelled_faces.step_seconds * part_of_draws(labelled_faces.channel, draw) as weight
from labelled_faces
inner join recordings using (recording_id)
left join channel_groups on labelled_faces.channel = channel_groups.channel
where labelled_faces.perceived_gender is not null and labelled_faces.answer <> 'undecided'
"""
# Channels of one group under one model share their labels.
_SHARING: Final = """
select row_number() over (order by channel_group, model_id) - 1 as part, *
from (select distinct channel_group, model_id from chosen where analysed_seconds > 0)
"""
_SECONDS: Final = """
select
    sharing.part,
    chosen.group_index,
    units.unit,
    compositions.composition,
    sum(compositions.seconds) as seconds
from compositions
inner join chosen
    on
        compositions.recording_number = chosen.recording_number
        and compositions.air_date is not distinct from chosen.date
        and compositions.hour is not distinct from chosen.hour
inner join sharing on chosen.channel_group = sharing.channel_group and chosen.model_id = sharing.model_id
inner join units on compositions.recording_number = units.recording_number
where compositions.method = 'faces' and compositions.composition > 0
group by all
"""


@dataclass(frozen=True)
class Part:
    """Seconds of channels that share their labels, and the correction by these labels."""

    seconds: Seconds  # of N units and compositions
    group: NDArray[np.int64]  # (N,) group_index of each
    correction: Correction


@dataclass(frozen=True)
class CorrectedGroup:
    """One group's seconds, or the problem why they cannot be corrected."""

    seconds: Corrected | None = None
    women: int = 0  # labels of the stratum with the fewest
    men: int = 0
    problem: str | None = None

    def __add__(self, other: "CorrectedGroup") -> "CorrectedGroup":
        seconds = self.seconds + other.seconds if self.seconds and other.seconds else None
        labels = min((self.women, self.men), (other.women, other.men), key=min)
        return CorrectedGroup(seconds, *labels, self.problem or other.problem)


def lend_labels(db: Warehouse) -> int:
    """Define ``labels``, the labelled faces that are informative about errors; returns their number."""
    db.redefine("labels", _LABELS)
    return int(db.query("select count(*) from labels").column(0)[0].as_py())


def correct(db: Warehouse, sample: Sample) -> Mapping[int, CorrectedGroup]:
    """Correct every group of ``chosen`` with faces, by ``labels``; the result is by ``group_index``."""
    groups: dict[int, CorrectedGroup] = {}
    for part in parts(db, sample):
        for index, corrected in _correct(part, sample):
            groups[index] = groups[index] + corrected if index in groups else corrected
    return groups


def parts(db: Warehouse, sample: Sample) -> Iterator[Part]:
    """Split ``chosen`` into channels that share labels."""
    db.lend("units", pa.table({"recording_number": sample.recordings, "unit": sample.units(sample.recordings)}))
    db.redefine("sharing", _SHARING)
    columns = _columns(db, _SECONDS)
    for sharing in db.query("from sharing").to_pylist():
        rows = columns["part"] == sharing["part"]
        seconds = Seconds(*(columns[name][rows] for name in ("unit", "composition", "seconds")))
        yield Part(seconds, columns["group_index"][rows], correction(_labels(db, sharing, sample), sample.weights))


def _correct(part: Part, sample: Sample) -> Iterator[tuple[int, CorrectedGroup]]:
    labels, problem = part.correction.labels, part.correction.problem
    if problem:
        for index in np.unique(part.group):
            yield int(index), CorrectedGroup(None, *labels, problem)
    else:
        for index, corrected in Corrector(part.correction, part.seconds)(part.seconds, part.group, sample.weights):
            yield index, CorrectedGroup(corrected, *labels)


def _labels(db: Warehouse, sharing: Mapping[str, object], sample: Sample) -> Labels:
    """The labels of one model; those of the part's channels are at hand."""
    columns = _columns(
        db,
        "select recording_number, channel_group = $channel_group as at_hand, size, truth, answer, weight "
        "from labels where model_id = $model_id order by all",
        {"channel_group": sharing["channel_group"], "model_id": sharing["model_id"]},
    )
    recording, size, truth, answer = (
        columns[name].astype(np.int64) for name in ("recording_number", "size", "truth", "answer")
    )
    at_hand = columns["at_hand"].astype(bool)
    return Labels(sample.units(recording), recording, at_hand, size, truth, answer, columns["weight"])


def _columns(db: Warehouse, sql: str, params: Mapping[str, object] | None = None) -> dict[str, NDArray[Any]]:
    table = db.query(sql, params)
    return {name: table[name].to_numpy() for name in table.column_names}
