-- Attributes of faces, of the newest analysis of each recording: one row per face and classifier.
select
    stg_attributes.*,
    recordings.recording_number
from stg_attributes
inner join recordings
    on
        stg_attributes.recording_id = recordings.recording_id
        and stg_attributes.config_digest = recordings.config_digest
where recordings.status <> 'failed'
