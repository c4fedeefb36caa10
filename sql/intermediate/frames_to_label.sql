-- Samples that can be drawn for labelling, with and without detected faces: one row per sample.
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
