-- What is known of one recording, for its page.
select
    recording_id,
    recording_number,
    path,
    channel,
    programme,
    started_at,
    timezone,
    status,
    reason,
    sampling,
    every_seconds,
    classifier_id,
    duration_seconds,
    analysed_seconds,
    lost_seconds,
    width,
    height,
    config_digest
from recordings
where recording_id = $recording_id
