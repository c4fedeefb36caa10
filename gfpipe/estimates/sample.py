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
        recordings: (R,) int, their numbers in the warehouse, ascending.
        resampling: of these recordings, in this order.
    """

    recordings: NDArray[np.int64]
    resampling: Resampling

    @property
    def weights(self) -> NDArray[np.float64]:
        """(U, 1 + draws); column 0 is all ones."""
        return self.resampling.weights

    def units(self, recordings: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the weights, of these recordings."""
        return self.resampling.unit[np.searchsorted(self.recordings, recordings)]

    def freedom(self, recordings: NDArray[np.int64]) -> int:
        """Units minus strata: the degrees of freedom that these recordings leave a variance."""
        places = np.searchsorted(self.recordings, recordings)
        return len(np.unique(self.resampling.unit[places])) - len(np.unique(self.resampling.stratum[places]))


def resample(recordings: Frame, labels: Frame, draws: int) -> Sample:
    """Resample recordings within group, channel and class of programme, as far as these hold two recordings each.

    Args:
        recordings: ``group_index, recording_number, channel, programme_class``, a row a recording and group; one that
            belongs to several groups (hours of the day) is resampled with the first.
        labels: ``recording_number, channel``; recordings that are wanted only for their labels are resampled by
            channel.
        draws: how many times.
    """
    known = pd.concat(
        [
            recordings[["recording_number", "group_index", "channel", "programme_class"]],
            labels[["recording_number", "channel"]].assign(group_index=-1, programme_class=""),
        ]
    )
    known = known.drop_duplicates("recording_number").sort_values("recording_number", ignore_index=True)
    return Sample(known["recording_number"].to_numpy(np.int64), Resampling.within(_strata(known), draws))


def _strata(known: Frame) -> NDArray[np.int64]:
    """For each group the finest strata that leave no recording alone."""
    levels = (["group_index"], ["group_index", "channel"], ["group_index", "channel", "programme_class"])
    stratum = known.groupby(levels[0]).ngroup()
    for depth, columns in enumerate(levels[1:], 1):
        finer = known.groupby(columns, dropna=False)
        alone = finer["recording_number"].transform("size") < 2
        nobody_alone = ~alone.groupby(known["group_index"]).transform("any")
        stratum = stratum.where(~nobody_alone, depth * len(known) + finer.ngroup())
    return np.asarray(stratum, np.int64)
