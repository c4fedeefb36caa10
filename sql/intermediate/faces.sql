select stg_faces.*
from stg_faces
semi join recordings
    on
        stg_faces.recording_id = recordings.recording_id
        and stg_faces.config_digest = recordings.config_digest
