-- Counted faces in each sample, by perceived gender; samples without a face are there, with zeros.
with counted as (
    select
        recording_id,
        sample_index,
        count(*) filter (where perceived_gender = 'female') as female_faces,
        count(*) filter (where perceived_gender = 'male') as male_faces,
        count(*) filter (where perceived_gender = 'undecided') as undecided_faces
    from classified_faces
    where not below_min_face
    group by recording_id, sample_index
)

select
    samples.recording_id,
    samples.sample_index,
    samples.seconds,
    samples.step_seconds,
    samples.aired_at,
    samples.shot,
    cast(coalesce(counted.female_faces, 0) as integer) as female_faces,
    cast(coalesce(counted.male_faces, 0) as integer) as male_faces,
    cast(coalesce(counted.undecided_faces, 0) as integer) as undecided_faces
from samples
left join counted
    on
        samples.recording_id = counted.recording_id
        and samples.sample_index = counted.sample_index
