select stg_samples.*
from stg_samples
semi join recordings
    on
        stg_samples.recording_id = recordings.recording_id
        and stg_samples.config_digest = recordings.config_digest
