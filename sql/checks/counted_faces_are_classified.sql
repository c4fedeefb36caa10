-- A counted face that no gender was read from is missing from screen time.
select
    recording_id,
    sample_index,
    face_index,
    p_female
from classified_faces
where not below_min_face and perceived_gender is null
