-- Counted faces of each sample by perceived gender: one row per sample, including samples without faces. A
-- composition holds 99 faces of a kind; only the first 99 faces of a sample count.
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
),

shown as (
    select
        samples.*,
        coalesce(counted.faces, 0) as faces,
        coalesce(counted.composition, 0) as composition,
        coalesce(counted.tracked_composition, 0) as tracked_composition
    from samples
    left join counted
        on
            samples.recording_number = counted.recording_number
            and samples.sample_index = counted.sample_index
)

select
    recording_id,
    recording_number,
    sample_index,
    seconds,
    step_seconds,
    aired_at,
    shot,
    face_count,
    cast(faces as integer) as faces,
    faces_in(composition, 0) as female_faces,
    faces_in(composition, 1) as male_faces,
    faces_in(composition, 2) as undecided_faces,
    faces_in(tracked_composition, 0) as tracked_female_faces,
    faces_in(tracked_composition, 1) as tracked_male_faces,
    faces_in(tracked_composition, 2) as tracked_undecided_faces,
    composition,
    tracked_composition
from shown
