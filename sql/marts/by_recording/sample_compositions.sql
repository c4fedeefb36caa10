-- Counted faces of each sample as compositions: one row per sample, including samples without faces. A composition
-- holds 99 faces of a kind; only the first 99 faces of a sample count.
with counted as (
    select
        recording_number,
        sample_index,
        count(*) as faces,
        composition(size, case when counted and face_index < 99 then perceived_gender end) as composition,
        composition(size, case when counted and face_index < 99 then track_perceived_gender end)
            as tracked_composition
    from classified_faces
    group by recording_number, sample_index
)

select
    samples.recording_id,
    samples.recording_number,
    samples.sample_index,
    samples.seconds,
    samples.step_seconds,
    samples.aired_at,
    samples.shot,
    samples.face_count,
    cast(coalesce(counted.faces, 0) as integer) as faces,
    coalesce(counted.composition, 0) as composition,
    coalesce(counted.tracked_composition, 0) as tracked_composition
from samples
left join counted
    on
        samples.recording_number = counted.recording_number
        and samples.sample_index = counted.sample_index
