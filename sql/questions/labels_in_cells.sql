-- Labels of the faces of each cell, with the face time that each represents.
with wanted as (
    select
        *,
        stratum($keys, channel, month, size, confidence, answer) as stratum
    from faces_to_label
    where asked_for(channel, air_date, $since, $until, $channels)
)

select
    wanted.stratum,
    wanted.size,
    wanted.confidence,
    wanted.answer,
    labelled_faces.answer as truth,
    labelled_faces.weight
    * labelled_faces.step_seconds
    * part_of_draws(labelled_faces.channel, labelled_faces.draw) as weight
from labelled_faces
inner join wanted
    on
        labelled_faces.recording_id = wanted.recording_id
        and labelled_faces.sample_index = wanted.sample_index
        and labelled_faces.face_index = wanted.face_index
order by all
