-- Labels of the faces of each cell, with the face time that each represents.
with requested as (
    select
        *,
        stratum($keys, channel, month, size, confidence, answer) as stratum
    from faces_to_label
    where asked_for(channel, air_date, $since, $until, $channels)
)

select
    requested.stratum,
    requested.size,
    requested.confidence,
    requested.answer,
    labelled_faces.answer as truth,
    labelled_faces.weight
    * labelled_faces.step_seconds
    * part_of_draws(labelled_faces.channel, labelled_faces.draw) as weight
from labelled_faces
inner join requested
    on
        labelled_faces.recording_id = requested.recording_id
        and labelled_faces.sample_index = requested.sample_index
        and labelled_faces.face_index = requested.face_index
order by all
