-- What people said of the faces of each cell, and how many seconds of face time each answer stands for.
with wanted as (
    select
        *,
        stratum($keys, channel, month, size, confidence, answer) as stratum
    from faces_to_label
    where
        ($since is null or air_date >= $since)
        and ($until is null or air_date <= $until)
        and (len($channels) = 0 or list_contains($channels, channel))
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
