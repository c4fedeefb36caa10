-- Samples whose number of faces changes when tracks are classified as a whole.
select
    recording_id,
    sample_index,
    female_faces + male_faces + undecided_faces as faces,
    tracked_female_faces + tracked_male_faces + tracked_undecided_faces as tracked_faces
from sample_gender
where
    composition <> tracked_composition
    and female_faces + male_faces + undecided_faces
    <> tracked_female_faces + tracked_male_faces + tracked_undecided_faces
