-- Recordings with faces that belong to no sample.
with found as (
    select
        recording_number,
        count(*) as faces
    from face_gender
    group by recording_number
),

shown as (
    select
        recording_number,
        sum(faces) as faces_in_samples
    from sample_gender
    group by recording_number
)

select
    recordings.recording_id,
    found.faces,
    coalesce(shown.faces_in_samples, 0) as faces_in_samples
from found
inner join recordings on found.recording_number = recordings.recording_number
left join shown on found.recording_number = shown.recording_number
where found.faces > coalesce(shown.faces_in_samples, 0)
