-- Every picture that was analysed, with or without a face: what the detector missed shows only where it found nothing.
select
    recordings.recording_number,
    recordings.recording_id,
    recordings.channel,
    recordings.air_date,
    strftime(recordings.air_date, '%Y-%m') as month,
    sample_gender.sample_index
from sample_gender
inner join recordings on sample_gender.recording_number = recordings.recording_number
where recordings.status <> 'failed'
