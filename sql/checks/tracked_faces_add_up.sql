-- Reading a track as one moves faces from one perceived gender to another, and loses none.
select
    recording_id,
    sample_index,
    female_faces + male_faces + undecided_faces as faces,
    tracked_female_faces + tracked_male_faces + tracked_undecided_faces as tracked_faces
from sample_gender
where
    female_faces + male_faces + undecided_faces
    <> tracked_female_faces + tracked_male_faces + tracked_undecided_faces
