-- Overlapping intervals that do not count, because another recording of the channel counts: one row per interval.
select overlapping_intervals.*
from overlapping_intervals
cross join counting
where counting.overlapping <> 'all'
