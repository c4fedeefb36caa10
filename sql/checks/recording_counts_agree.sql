with found as (
    select
        recording_id,
        count(*) as samples,
        sum(face_count) as faces
    from samples
    group by recording_id
)

select
    recordings.recording_id,
    recordings.sample_count,
    coalesce(found.samples, 0) as samples,
    recordings.face_count,
    coalesce(found.faces, 0) as faces
from recordings
left join found on recordings.recording_id = found.recording_id
where
    recordings.sample_count <> coalesce(found.samples, 0)
    or recordings.face_count <> coalesce(found.faces, 0)
