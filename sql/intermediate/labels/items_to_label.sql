-- Everything that can be drawn for labelling: one row per face of faces_to_label, and per sample of an analysed
-- recording (kind frame), with and without detected faces.
select
    'face' as kind,
    *
from faces_to_label
union all by name
select
    'frame' as kind,
    recordings.recording_number,
    recordings.recording_id,
    recordings.channel,
    recordings.air_date,
    strftime(recordings.air_date, '%Y-%m') as month,
    sample_gender.sample_index
from sample_gender
inner join recordings on sample_gender.recording_number = recordings.recording_number
where recordings.status <> 'failed'
