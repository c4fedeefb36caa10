-- Attributes of the recording's classifier without a face.
with said as (
    select
        attributes.recording_number,
        count(*) as attributes
    from attributes
    inner join recordings
        on
            attributes.recording_number = recordings.recording_number
            and attributes.model_id = recordings.classifier_id
    group by attributes.recording_number
),

used as (
    select
        recording_number,
        count(p_female) as attributes_of_faces
    from face_gender
    group by recording_number
)

select
    recordings.recording_id,
    said.attributes,
    coalesce(used.attributes_of_faces, 0) as attributes_of_faces
from said
inner join recordings on said.recording_number = recordings.recording_number
left join used on said.recording_number = used.recording_number
where said.attributes > coalesce(used.attributes_of_faces, 0)
