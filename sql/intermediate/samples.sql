-- Analysed frames, of the newest analysis of each recording: one row per sample.
select
    stg_samples.*,
    recordings.recording_number
from stg_samples
inner join recordings
    on
        stg_samples.recording_id = recordings.recording_id
        and stg_samples.config_digest = recordings.config_digest
where recordings.status <> 'failed'
