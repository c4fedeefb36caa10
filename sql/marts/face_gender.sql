-- Every face with what the recording's own classifier said of it; other models' attributes stay out. A table, because
-- it is the one expensive join: whatever is asked of faces reads it, through classified_faces.
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
    faces.below_min_face,
    readings.p_female,
    readings.age_years
from faces
left join readings
    on
        faces.recording_number = readings.recording_number
        and faces.sample_index = readings.sample_index
        and faces.face_index = readings.face_index
