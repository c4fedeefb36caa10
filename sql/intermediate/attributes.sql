select stg_attributes.*
from stg_attributes
semi join recordings
    on
        stg_attributes.recording_id = recordings.recording_id
        and stg_attributes.config_digest = recordings.config_digest
