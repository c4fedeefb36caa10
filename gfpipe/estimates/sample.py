"""The recordings at hand, resampled: each one's weights count for its screen time and for its labels alike."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.statistics.bootstrap import MAX_UNITS, Resampling
from gfpipe.warehouse import Warehouse

# Within group, channel and class of programme, as far as these leave no recording of the group alone. One that belongs
# to several groups (hours of the day) is resampled with the first; those wanted only for their labels, by channel.
_STRATA: Final = """
with wanted as (
    select recording_number, group_index, channel, programme_class from chosen where analysed_seconds > 0
    union all
    select recording_number, -1 as group_index, channel, '' as programme_class from labels
),

known as (
    select * from wanted
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

_FEWEST_UNITS: Final = 10  # of a stratum that has so many recordings


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


def resample(db: Warehouse, draws: int) -> Sample:
    """Resample every recording of ``chosen`` and of ``labels``."""
    found = db.query(_STRATA)
    recordings, group, stratum = (
        found[name].to_numpy().astype(np.int64) for name in ("recording_number", "group_index", "stratum")
    )
    strata_of_a_group = max(len(np.unique(stratum)) // max(len(np.unique(group)), 1), 1)
    most_units = max(MAX_UNITS // strata_of_a_group, _FEWEST_UNITS)
    return Sample(recordings, Resampling.within(stratum, draws, most_units=most_units))
