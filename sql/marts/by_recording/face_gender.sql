-- Faces with the attributes of their recording's own classifier: one row per face. A table, because this join is the
-- only expensive one.
with readings as (
    select
        attributes.recording_number,
        attributes.sample_index,
        attributes.face_index,
        attributes.p_female,
        attributes.age_years
    from attributes
    inner join recordings
        on
            attributes.recording_number = recordings.recording_number
            and attributes.model_id = recordings.classifier_id
)

select
    faces.recording_number,
    faces.sample_index,
    faces.face_index,
    faces.track_id,
    faces.detector_score,
    faces.height_360,
    faces.height_360 >= counting.min_face
    and is_detected(faces.detector_score, recordings.sampling, counting.min_score) as counted,
    readings.p_female,
    readings.age_years
from faces
inner join recordings on faces.recording_number = recordings.recording_number
cross join counting
left join readings
    on
        faces.recording_number = readings.recording_number
        and faces.sample_index = readings.sample_index
        and faces.face_index = readings.face_index
