-- Counted faces without a perceived gender, which are missing from screen time.
select
    recordings.recording_id,
    face_gender.sample_index,
    face_gender.face_index,
    face_gender.p_female
from face_gender
inner join recordings on face_gender.recording_number = recordings.recording_number
where face_gender.counted and perceived_gender(face_gender.p_female) is null
