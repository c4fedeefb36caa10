"""Resampling of recordings: the weights of a recording apply to its screen time and to its labels."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.estimates.rows import Labelled, Rows
from gfpipe.statistics.bootstrap import MAX_UNITS, Resampling

Ints = NDArray[np.int64]

_FEWEST_UNITS: Final = 10  # of a stratum, if it has that many recordings


@dataclass(frozen=True)
class Sample:
    """Recordings and their weights."""

    recordings: Ints  # (R,) numbers in the warehouse, ascending
    resampling: Resampling  # of these recordings, in this order

    def units(self, recordings: Ints) -> Ints:
        """Resampling units of these recordings."""
        return self.resampling.unit[np.searchsorted(self.recordings, recordings)]

    def freedom(self, units: Ints) -> int:
        """Degrees of freedom of the variance over these units: their number minus that of their strata."""
        return len(units) - len(np.unique(self._strata(units)))

    def weights(self, units: Ints) -> NDArray[np.float64]:
        """(len(units), 1 + draws) weights of ascending units; column 0 is all ones."""
        return self.resampling.weights(units)

    def facts(self, units: Ints) -> Ints:
        """(len(units), 3) everything that their weights depend on."""
        stratum = self._strata(units)
        resampling = self.resampling
        return np.column_stack([resampling.key[stratum], resampling.size[stratum], units - resampling.first[stratum]])

    def _strata(self, units: Ints) -> Ints:
        strata: Ints = np.searchsorted(self.resampling.first, units, "right") - 1
        return strata


def resample(rows: Rows, group: Ints, labelled: Labelled, draws: int) -> Sample:
    """Resample the recordings of the rows and of the labels.

    By group, channel and class of programme, unless these leave a recording alone. Recordings in several groups (hours
    of the day) are resampled with the first, those used only for their labels by channel.
    """
    used = np.concatenate([rows.recording, labelled.recording])
    groups = np.concatenate([group, np.full(len(labelled.recording), -1)])
    channels = np.concatenate([rows.channel, labelled.channel])
    classes = np.concatenate([rows.programme_class, np.full(len(labelled.recording), -1)])
    by_preference = np.lexsort((groups, groups < 0, used))
    recordings, first = np.unique(used[by_preference], return_index=True)
    kept = by_preference[first]
    stratum = _strata(groups[kept], channels[kept], classes[kept])
    _, of_group = np.unique(groups[kept], return_inverse=True)
    pairs = np.unique(np.column_stack([of_group, stratum]), axis=0)
    most_units = np.maximum(MAX_UNITS // np.bincount(pairs[:, 0]), _FEWEST_UNITS)[of_group] if len(kept) else MAX_UNITS
    return Sample(recordings, Resampling.within(stratum, draws, most_units=most_units, names=recordings))


def _strata(group: Ints, channel: Ints, programme_class: Ints) -> Ints:
    by_channel = _divides(group, _joined(group, channel))
    by_class = _divides(group, _joined(group, channel, programme_class))
    return _joined(group, np.where(by_channel, channel, -1), np.where(by_class, programme_class, -1))


def _divides(group: Ints, part: Ints) -> NDArray[np.bool_]:
    """Whether no part of the recording's group is one recording alone."""
    alone = np.bincount(part, minlength=1)[part] == 1
    found: NDArray[np.bool_] = ~np.isin(group, group[alone])
    return found


def _joined(*columns: Ints) -> Ints:
    """One number for each combination of values."""
    joined = columns[0]
    for column in columns[1:]:
        _, values = np.unique(column, return_inverse=True)
        joined = joined * (values.max(initial=0) + 1) + values
    number: Ints = np.unique(joined, return_inverse=True)[1]
    return number
