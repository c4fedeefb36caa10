-- Counted faces that can be drawn for labelling, with their strata: one row per face. Faces after the 99th of a
-- sample count nowhere.
select
    recordings.recording_number,
    recordings.recording_id,
    recordings.channel,
    recordings.air_date,
    strftime(recordings.air_date, '%Y-%m') as month,
    recordings.classifier_id as model_id,
    face_gender.sample_index,
    face_gender.face_index,
    face_gender.p_female,
    face_size(face_gender.height_360) as size,
    sureness(face_gender.p_female) as confidence,
    perceived_gender(face_gender.p_female) as answer
from face_gender
inner join recordings on face_gender.recording_number = recordings.recording_number
where
    face_gender.counted
    and face_gender.face_index < 99
    and recordings.status <> 'failed'
    and perceived_gender(face_gender.p_female) is not null
