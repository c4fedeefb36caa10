-- Recordings that are not completely analysed, with the reason: one row per recording.
select
    channel,
    air_date,
    programme,
    status,
    reason,
    acknowledged,
    path,
    scheduled_seconds,
    analysed_seconds,
    lost_seconds,
    recording_id
from recording_coverage
where status <> 'done'
order by channel, started_at, path
