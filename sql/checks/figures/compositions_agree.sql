-- Recordings whose face time by hour differs from the face time of their samples that count.
with shown as (
    select
        recording_number,
        composition,
        sum(step_seconds) as seconds
    from counted_samples
    group by recording_number, composition
),

samples as (
    select
        recordings.recording_id,
        sum(shown.seconds * faces_in(shown.composition, 0)) as female_face_seconds,
        sum(shown.seconds * faces_in(shown.composition, 1)) as male_face_seconds,
        sum(shown.seconds * faces_in(shown.composition, 2)) as undecided_face_seconds
    from shown
    inner join recordings on shown.recording_number = recordings.recording_number
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
