-- Recordings whose hours in the rollup do not add up to their time that counts.
with hours as (
    select
        recording_id,
        sum(analysed_seconds) as sum_of_hours
    from rollup
    where recording_id is not null
    group by recording_id
),

counted as (
    select
        recording_number,
        sum(step_seconds) as counted_seconds
    from counted_samples
    group by recording_number
)

select
    recordings.recording_id,
    coalesce(counted.counted_seconds, 0) as counted_seconds,
    coalesce(hours.sum_of_hours, 0) as sum_of_hours
from recordings
left join counted on recordings.recording_number = counted.recording_number
left join hours on recordings.recording_id = hours.recording_id
where abs(coalesce(counted.counted_seconds, 0) - coalesce(hours.sum_of_hours, 0)) > 1e-3
