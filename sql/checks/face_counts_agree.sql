-- Small faces are counted here too: they are kept, and only left out of screen time.
select
    recording_id,
    sample_index,
    face_count,
    faces
from sample_gender
where face_count <> faces
