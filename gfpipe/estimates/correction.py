"""Seconds of each group corrected by the labels of its channels and model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gfpipe.estimates.sample import Frame, Sample
from gfpipe.statistics.misclassification import ANSWERS, SIZES, TRUTHS, Labels, correction
from gfpipe.statistics.screen_time import Corrected, Corrector, Seconds
from gfpipe.warehouse import Warehouse

# What the classifier said of faces that somebody labelled; who could not tell says nothing of its errors.
LABELS: Final = """
select
    recordings.recording_number,
    labelled_faces.channel,
    channel_groups.channel_group,
    labelled_faces.model_id,
    labelled_faces.size,
    labelled_faces.answer,
    labelled_faces.perceived_gender,
    labelled_faces.weight * labelled_faces.step_seconds as weight
from labelled_faces
inner join recordings using (recording_id)
left join channel_groups on labelled_faces.channel = channel_groups.channel
where labelled_faces.perceived_gender is not null and labelled_faces.answer in ('female', 'male', 'no_face')
order by all
"""
_SECONDS: Final = """
select
    chosen.group_index,
    chosen.channel_group,
    chosen.model_id,
    units.unit,
    compositions.composition,
    sum(compositions.seconds) as seconds
from compositions
inner join chosen
    on
        compositions.recording_number = chosen.recording_number
        and compositions.air_date is not distinct from chosen.date
        and compositions.hour is not distinct from chosen.hour
inner join units on compositions.recording_number = units.recording_number
where compositions.method = 'faces' and compositions.composition > 0
group by all
"""


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


def correct(house: Warehouse, sample: Sample, labels: Frame) -> Mapping[int, CorrectedGroup]:
    """Correct every group of ``chosen`` that shows a face; by ``group_index``.

    Labels of one channel group (``channel`` where nobody grouped them) and model tell what its faces are worth.
    """
    house.lend("units", pa.table({"recording_number": sample.recordings, "unit": sample.units(sample.recordings)}))
    seconds = house.query(_SECONDS).to_pandas()
    parts: dict[int, list[CorrectedGroup]] = {}
    for (channel_group, model), of_channel in seconds.groupby(["channel_group", "model_id"], dropna=False):
        found = correction(_labels(labels[labels["model_id"] == model], channel_group, sample), sample.weights)
        if found.problem:
            for group in of_channel["group_index"].unique():
                parts.setdefault(int(group), []).append(CorrectedGroup(None, *found.labels, found.problem))
            continue
        whole = _seconds(of_channel)
        group_index = of_channel["group_index"].to_numpy(np.int64)
        for group, corrected in Corrector(found, whole)(whole, group_index, sample.weights):
            parts.setdefault(group, []).append(CorrectedGroup(corrected, *found.labels))
    return {group: reduce(add, each) for group, each in parts.items()}


def _seconds(rows: Frame) -> Seconds:
    return Seconds(*(rows[name].to_numpy() for name in ("unit", "composition", "seconds")))


def _labels(rows: Frame, channel_group: object, sample: Sample) -> Labels:
    def place(column: str, names: tuple[str, ...]) -> NDArray[np.int64]:
        return np.asarray(rows[column].map({name: index for index, name in enumerate(names)}), np.int64)

    return Labels(
        unit=sample.units(rows["recording_number"].to_numpy()),
        recording=rows["recording_number"].to_numpy(np.int64),
        at_hand=(rows["channel_group"] == channel_group).to_numpy(bool),
        size=place("size", SIZES),
        truth=place("answer", TRUTHS),
        answer=place("perceived_gender", ANSWERS),
        weight=rows["weight"].to_numpy(float),
    )
