"""The recordings at hand, resampled: each one's weights count for its screen time and for its labels alike."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gfpipe.statistics.bootstrap import Resampling

Frame = pd.DataFrame


@dataclass(frozen=True)
class Sample:
    """Recordings and the weights that they got.

    Attributes:
        recordings: by recording_id: ``unit``, its row of `weights`, and ``stratum``.
        weights: (U, 1 + draws); column 0 is all ones.
    """

    recordings: Frame
    weights: NDArray[np.float64]

    def units(self, recording_id: "pd.Series[str]") -> NDArray[np.int64]:
        """Rows of the weights, of these recordings."""
        return self._of(recording_id)["unit"].to_numpy(np.int64)

    def freedom(self, recording_id: "pd.Series[str]") -> int:
        """Units minus strata: the degrees of freedom that these recordings leave a variance."""
        these = self._of(recording_id)
        return int(these["unit"].nunique() - these["stratum"].nunique())

    def _of(self, recording_id: "pd.Series[str]") -> Frame:
        return self.recordings.loc[list(recording_id)]


def resample(recordings: Frame, labels: Frame, draws: int) -> Sample:
    """Resample recordings within group, channel and class of programme, as far as these hold two recordings each.

    Args:
        recordings: ``group_index, recording_id, channel, programme_class``, a row a recording and group; one that
            belongs to several groups (hours of the day) is resampled with the first.
        labels: ``recording_id, channel``; recordings that are asked for only by their labels are resampled by channel.
        draws: how many times.
    """
    known = pd.concat(
        [
            recordings[["recording_id", "group_index", "channel", "programme_class"]],
            labels[["recording_id", "channel"]].assign(group_index=-1, programme_class=""),
        ]
    ).drop_duplicates("recording_id")
    resampling = Resampling.within(_strata(known), draws)
    placed = Frame({"unit": resampling.unit, "stratum": resampling.stratum}, index=known["recording_id"])
    return Sample(placed, resampling.weights)


def _strata(known: Frame) -> NDArray[np.int64]:
    """For each group the finest strata that leave no recording alone."""
    levels = (["group_index"], ["group_index", "channel"], ["group_index", "channel", "programme_class"])
    stratum = known.groupby(levels[0]).ngroup()
    for depth, columns in enumerate(levels[1:], 1):
        finer = known.groupby(columns, dropna=False)
        alone = finer["recording_id"].transform("size") < 2
        nobody_alone = ~alone.groupby(known["group_index"]).transform("any")
        stratum = stratum.where(~nobody_alone, depth * len(known) + finer.ngroup())
    return np.asarray(stratum, np.int64)
