-- Recordings whose numbers of samples and faces differ from their own counts.
with found as (
    select
        recording_number,
        count(*) as samples,
        sum(face_count) as faces
    from sample_gender
    group by recording_number
)

select
    recordings.recording_id,
    recordings.sample_count,
    coalesce(found.samples, 0) as samples,
    recordings.face_count,
    coalesce(found.faces, 0) as faces
from recordings
left join found on recordings.recording_number = found.recording_number
where
    recordings.sample_count <> coalesce(found.samples, 0)
    or recordings.face_count <> coalesce(found.faces, 0)
