-- Tracks of counted faces, with the pooled probability of their faces: one row per track.
with pooled as (
    select
        recording_number,
        track_id,
        pooled_probability(p_female) as p_female,
        count(*) as faces
    from face_gender
    where track_id is not null and counted
    group by recording_number, track_id
)

select
    recordings.recording_id,
    recordings.config_digest,
    pooled.recording_number,
    pooled.track_id,
    pooled.p_female,
    pooled.faces
from pooled
inner join recordings on pooled.recording_number = recordings.recording_number
