-- Recordings whose time analysed differs from the sum of their samples by more than a millisecond.
with steps as (
    select
        recording_number,
        sum(step_seconds) as sum_of_steps
    from sample_gender
    group by recording_number
)

select
    recordings.recording_id,
    recordings.analysed_seconds,
    coalesce(steps.sum_of_steps, 0) as sum_of_steps
from recordings
left join steps on recordings.recording_number = steps.recording_number
where not coalesce(abs(recordings.analysed_seconds - coalesce(steps.sum_of_steps, 0)) <= 1e-3, false)
