"""Resampling of recordings: the weights of a recording apply to its screen time and to its labels."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.statistics.bootstrap import MAX_UNITS, Resampling
from gfpipe.warehouse import Warehouse

# By group, channel and class of programme, unless these leave a recording alone. Recordings in several groups (hours of
# the day) are resampled with the first, those used only for their labels by channel.
_STRATA: Final = """
with used as (
    select recording_number, group_index, channel, programme_class from chosen where analysed_seconds > 0
    union all
    select recording_number, -1 as group_index, channel, '' as programme_class from labels
),

known as (
    select * from used
    qualify row_number() over (partition by recording_number order by group_index < 0, group_index) = 1
),

sized as (
    select
        *,
        count(*) over (partition by group_index, channel) as of_channel,
        count(*) over (partition by group_index, channel, programme_class) as of_class
    from known
),

divided as (
    select
        *,
        min(of_channel) over (partition by group_index) > 1 as by_channel,
        min(of_class) over (partition by group_index) > 1 as by_class
    from sized
)

select
    recording_number,
    group_index,
    dense_rank() over (
        order by group_index, case when by_channel then channel end, case when by_class then programme_class end
    ) as stratum
from divided
order by recording_number
"""

_FEWEST_UNITS: Final = 10  # of a stratum, if it has that many recordings


@dataclass(frozen=True)
class Sample:
    """Recordings and their weights."""

    recordings: NDArray[np.int64]  # (R,) numbers in the warehouse, ascending
    resampling: Resampling  # of these recordings, in this order

    @property
    def weights(self) -> NDArray[np.float64]:
        """(U, 1 + draws); column 0 is all ones."""
        return self.resampling.weights

    def units(self, recordings: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the weights of these recordings."""
        return self.resampling.unit[np.searchsorted(self.recordings, recordings)]

    def freedom(self, recordings: NDArray[np.int64]) -> int:
        """Degrees of freedom of the variance over these recordings: units minus strata."""
        indices = np.searchsorted(self.recordings, recordings)
        return len(np.unique(self.resampling.unit[indices])) - len(np.unique(self.resampling.stratum[indices]))


def resample(db: Warehouse, draws: int) -> Sample:
    """Resample every recording of ``chosen`` and of ``labels``."""
    table = db.query(_STRATA)
    names = ("recording_number", "group_index", "stratum")
    recordings, group, stratum = (table[name].to_numpy().astype(np.int64) for name in names)
    strata_of_a_group = max(len(np.unique(stratum)) // max(len(np.unique(group)), 1), 1)
    most_units = max(MAX_UNITS // strata_of_a_group, _FEWEST_UNITS)
    return Sample(recordings, Resampling.within(stratum, draws, most_units=most_units))
