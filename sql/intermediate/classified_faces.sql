-- Every face with what the recording's own classifier said of it; other models' attributes stay out.
select
    stg_faces.recording_id,
    stg_faces.sample_index,
    stg_faces.face_index,
    stg_faces.track_id,
    stg_faces.detector_score,
    stg_faces.height_360,
    stg_faces.below_min_face,
    stg_attributes.p_female,
    perceived_gender(stg_attributes.p_female) as perceived_gender,
    stg_attributes.age_years
from stg_faces
inner join recordings
    on
        stg_faces.recording_id = recordings.recording_id
        and stg_faces.config_digest = recordings.config_digest
left join stg_attributes
    on
        stg_faces.recording_id = stg_attributes.recording_id
        and stg_faces.config_digest = stg_attributes.config_digest
        and stg_faces.sample_index = stg_attributes.sample_index
        and stg_faces.face_index = stg_attributes.face_index
        and recordings.classifier_id = stg_attributes.model_id
