-- Samples outside their recording, by more than one frame; containers without a duration are not checked.
select
    sample_gender.recording_id,
    sample_gender.sample_index,
    sample_gender.seconds,
    sample_gender.step_seconds,
    recordings.duration_seconds
from sample_gender
inner join recordings on sample_gender.recording_number = recordings.recording_number
where
    sample_gender.seconds < 0
    or sample_gender.step_seconds < 0
    or sample_gender.seconds + sample_gender.step_seconds
    > recordings.duration_seconds + coalesce(recordings.frame_seconds, 0) + 1e-3
