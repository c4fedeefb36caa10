-- Small faces are counted here too: they are kept, and only left out of screen time.
with found as (
    select
        recording_id,
        sample_index,
        count(*) as faces
    from faces
    group by recording_id, sample_index
)

select
    samples.recording_id,
    samples.sample_index,
    samples.face_count,
    coalesce(found.faces, 0) as faces
from samples
left join found
    on
        samples.recording_id = found.recording_id
        and samples.sample_index = found.sample_index
where samples.face_count <> coalesce(found.faces, 0)
