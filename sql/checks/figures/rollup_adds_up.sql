-- Recordings whose hours in the rollup do not add up to their time analysed.
with hours as (
    select
        recording_id,
        sum(analysed_seconds) as sum_of_hours
    from rollup
    where recording_id is not null
    group by recording_id
)

select
    recordings.recording_id,
    recordings.analysed_seconds,
    coalesce(hours.sum_of_hours, 0) as sum_of_hours
from recordings
left join hours on recordings.recording_id = hours.recording_id
where abs(recordings.analysed_seconds - coalesce(hours.sum_of_hours, 0)) > 1e-3
