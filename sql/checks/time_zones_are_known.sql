-- Without its time zone a recording has no air date, and drops out of its day.
select
    recording_id,
    path,
    timezone
from recording_coverage
where air_date is null and status <> 'rejected'
