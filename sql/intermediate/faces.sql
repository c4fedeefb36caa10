-- Detected faces, of the newest analysis of each recording: one row per face.
select
    stg_faces.*,
    recordings.recording_number
from stg_faces
inner join recordings
    on
        stg_faces.recording_id = recordings.recording_id
        and stg_faces.config_digest = recordings.config_digest
where recordings.status <> 'failed'
