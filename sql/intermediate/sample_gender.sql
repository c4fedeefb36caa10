-- Counted faces of each sample by perceived gender: one row per sample, including samples without faces. A view,
-- because most queries need not decode all compositions.
select
    recording_id,
    recording_number,
    sample_index,
    seconds,
    step_seconds,
    aired_at,
    shot,
    face_count,
    faces,
    faces_in(composition, 0) as female_faces,
    faces_in(composition, 1) as male_faces,
    faces_in(composition, 2) as undecided_faces,
    faces_in(tracked_composition, 0) as tracked_female_faces,
    faces_in(tracked_composition, 1) as tracked_male_faces,
    faces_in(tracked_composition, 2) as tracked_undecided_faces,
    composition,
    tracked_composition,
    expected_female_faces,
    no_female_probability,
    no_male_probability
from sample_compositions
