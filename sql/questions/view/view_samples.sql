-- Samples of one recording, in order, with their counted faces; elsewhere: its time counts in another recording.
with intervals as (
    select
        starts_at,
        ends_at
    from counted_elsewhere
    where recording_number = $recording_number
),

samples as (
    select
        *,
        aired_at + to_seconds(step_seconds / 2) as middle
    from sample_gender
    where recording_number = $recording_number
)

select
    samples.sample_index,
    samples.seconds,
    samples.step_seconds,
    samples.shot,
    samples.female_faces,
    samples.male_faces,
    samples.undecided_faces,
    exists(
        select 1
        from intervals
        where samples.middle >= intervals.starts_at and samples.middle < intervals.ends_at
    ) as elsewhere
from samples
order by samples.sample_index
