-- Samples whose number of stored faces (counted or not) differs from their face_count.
select
    recording_id,
    sample_index,
    face_count,
    faces
from sample_gender
where face_count <> faces
