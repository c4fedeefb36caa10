-- Faces with size and perceived gender, by themselves and with the rest of their track: one row per face.
select
    recordings.recording_id,
    face_gender.*,
    face_size(face_gender.height_360) as size,
    perceived_gender(face_gender.p_female) as perceived_gender,
    coalesce(perceived_gender(cast(tracks.p_female as float)), perceived_gender(face_gender.p_female))
        as track_perceived_gender
from face_gender
inner join recordings on face_gender.recording_number = recordings.recording_number
left join tracks
    on
        face_gender.recording_number = tracks.recording_number
        and face_gender.track_id = tracks.track_id
