-- Recordings in an unknown time zone, which have no local date.
select
    recording_id,
    path,
    timezone
from recording_coverage
where air_date is null and status <> 'rejected'
