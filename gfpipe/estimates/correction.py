"""Seconds of each group corrected by the labels of its channels and model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gfpipe.estimates.sample import Sample
from gfpipe.statistics.misclassification import ANSWERS, SIZES, TRUTHS, Correction, Labels, correction
from gfpipe.statistics.screen_time import Corrected, Corrector, Seconds
from gfpipe.warehouse import Warehouse


def _place(column: str, names: tuple[str, ...]) -> str:
    return f"list_position({list(names)}, {column}) - 1"


# What the classifier said of faces that somebody labelled; who could not tell says nothing of its errors.
_LABELS: Final = f"""
select
    recordings.recording_number,
    labelled_faces.channel,
    channel_groups.channel_group,
    labelled_faces.model_id,
    {_place("labelled_faces.size", SIZES)} as size,
    {_place("labelled_faces.answer", TRUTHS)} as truth,
    {_place("labelled_faces.perceived_gender", ANSWERS)} as answer,
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
    """What channels show that share their labels, and what the labels say.

    Attributes:
        seconds: of N units and compositions.
        group: (N,) int, ``group_index`` of each.
        found: what a face counts for.
    """

    seconds: Seconds
    group: NDArray[np.int64]
    found: Correction


@dataclass(frozen=True)
class CorrectedGroup:
    """One group's seconds, or why they cannot be corrected.

    Attributes:
        seconds: None where there is a problem.
        women, men: labels that the weakest stratum rests on.
        problem: None where there is none.
    """

    seconds: Corrected | None = None
    women: int = 0
    men: int = 0
    problem: str | None = None

    def __add__(self, other: "CorrectedGroup") -> "CorrectedGroup":
        whole = self.seconds + other.seconds if self.seconds and other.seconds else None
        labels = min((self.women, self.men), (other.women, other.men), key=min)
        return CorrectedGroup(whole, *labels, self.problem or other.problem)


def lend_labels(db: Warehouse) -> int:
    """Define ``labels``: the labelled faces that tell of the classifier's errors; how many there are."""
    db.redefine("labels", _LABELS)
    return int(db.query("select count(*) from labels").column(0)[0].as_py())


def correct(db: Warehouse, sample: Sample) -> Mapping[int, CorrectedGroup]:
    """Correct every group of ``chosen`` that shows a face, by ``labels``; by ``group_index``."""
    found: dict[int, list[CorrectedGroup]] = {}
    for part in parts(db, sample):
        for index, corrected in _correct(part, sample):
            found.setdefault(index, []).append(corrected)
    return {index: reduce(add, each) for index, each in found.items()}


def parts(db: Warehouse, sample: Sample) -> Iterator[Part]:
    """What ``chosen`` shows, by channels that share labels."""
    db.lend("units", pa.table({"recording_number": sample.recordings, "unit": sample.units(sample.recordings)}))
    db.redefine("sharing", _SHARING)
    found = _columns(db, _SECONDS)
    for sharing in db.query("from sharing").to_pylist():
        these = found["part"] == sharing["part"]
        whole = Seconds(*(found[name][these] for name in ("unit", "composition", "seconds")))
        yield Part(whole, found["group_index"][these], correction(_labels(db, sharing, sample), sample.weights))


def _correct(part: Part, sample: Sample) -> Iterator[tuple[int, CorrectedGroup]]:
    found = part.found
    if found.problem:
        for index in np.unique(part.group):
            yield int(index), CorrectedGroup(None, *found.labels, found.problem)
    else:
        for index, corrected in Corrector(found, part.seconds)(part.seconds, part.group, sample.weights):
            yield index, CorrectedGroup(corrected, *found.labels)


def _labels(db: Warehouse, sharing: Mapping[str, object], sample: Sample) -> Labels:
    """The labels of one model, those of the channels at hand marked."""
    found = _columns(
        db,
        "select recording_number, channel_group = $channel_group as at_hand, size, truth, answer, weight "
        "from labels where model_id = $model_id order by all",
        {"channel_group": sharing["channel_group"], "model_id": sharing["model_id"]},
    )
    recording = found["recording_number"].astype(np.int64)
    size, truth, answer = (found[name].astype(np.int64) for name in ("size", "truth", "answer"))
    at_hand = found["at_hand"].astype(bool)
    return Labels(sample.units(recording), recording, at_hand, size, truth, answer, found["weight"])


def _columns(db: Warehouse, sql: str, params: Mapping[str, object] | None = None) -> dict[str, NDArray[Any]]:
    table = db.query(sql, params)
    return {name: table[name].to_numpy() for name in table.column_names}
