select
    faces.recording_id,
    faces.sample_index,
    faces.face_index
from faces
anti join sample_gender
    on
        faces.recording_id = sample_gender.recording_id
        and faces.sample_index = sample_gender.sample_index
