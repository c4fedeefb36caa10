-- Recordings whose face time by hour differs from the face time of their samples.
with samples as (
    select
        recordings.recording_id,
        sum(sample_gender.step_seconds * sample_gender.female_faces) as female_face_seconds,
        sum(sample_gender.step_seconds * sample_gender.male_faces) as male_face_seconds,
        sum(sample_gender.step_seconds * sample_gender.undecided_faces) as undecided_face_seconds
    from sample_gender
    inner join recordings on sample_gender.recording_number = recordings.recording_number
    group by recordings.recording_id
),

hours as (
    select
        recording_id,
        sum(seconds * female_faces) as female_face_seconds,
        sum(seconds * male_faces) as male_face_seconds,
        sum(seconds * undecided_faces) as undecided_face_seconds
    from compositions
    where method = 'faces'
    group by recording_id
)

select
    samples.recording_id,
    samples.female_face_seconds,
    samples.male_face_seconds,
    samples.undecided_face_seconds,
    coalesce(hours.female_face_seconds, 0) as female_face_seconds_by_hour,
    coalesce(hours.male_face_seconds, 0) as male_face_seconds_by_hour,
    coalesce(hours.undecided_face_seconds, 0) as undecided_face_seconds_by_hour
from samples
left join hours on samples.recording_id = hours.recording_id
where
    abs(samples.female_face_seconds - coalesce(hours.female_face_seconds, 0)) > 1e-3
    or abs(samples.male_face_seconds - coalesce(hours.male_face_seconds, 0)) > 1e-3
    or abs(samples.undecided_face_seconds - coalesce(hours.undecided_face_seconds, 0)) > 1e-3
