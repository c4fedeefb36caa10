select
    attributes.recording_id,
    attributes.sample_index,
    attributes.face_index,
    attributes.model_id
from attributes
anti join faces
    on
        attributes.recording_id = faces.recording_id
        and attributes.sample_index = faces.sample_index
        and attributes.face_index = faces.face_index
