-- Faces or samples ($kind: face or frame) drawn from each stratum of allocation, in an order by hash: the same seed
-- draws the same ones, and mostly the same after the archive has grown. limit_place avoids sorting the others.
with requested as (
    select
        *,
        stratum($keys, channel, month, size, confidence, answer) as stratum,
        md5_number_lower(concat_ws('/', $seed, $kind, recording_id, sample_index, face_index)) as place
    from items_to_label
    where kind = $kind and asked_for(channel, air_date, $since, $until, $channels)
),

candidates as (
    select
        requested.*,
        allocation.taken,
        allocation.inclusion_probability
    from requested
    inner join allocation on requested.stratum = allocation.stratum and requested.place <= allocation.limit_place
),

drawn as (
    select *
    from candidates
    qualify
        row_number() over (partition by stratum order by place, recording_id, sample_index, face_index) <= taken
)

select
    drawn.recording_id,
    recordings.path,
    recordings.channel,
    recordings.programme,
    recordings.started_at,
    drawn.sample_index,
    sample_gender.seconds,
    drawn.face_index,
    faces.x1,
    faces.y1,
    faces.x2,
    faces.y2,
    recordings.config_digest,
    drawn.stratum,
    drawn.inclusion_probability
from drawn
inner join recordings on drawn.recording_number = recordings.recording_number
inner join sample_gender
    on drawn.recording_number = sample_gender.recording_number and drawn.sample_index = sample_gender.sample_index
left join faces
    on
        drawn.recording_number = faces.recording_number
        and drawn.sample_index = faces.sample_index
        and drawn.face_index = faces.face_index
where drawn.face_index is null or faces.face_index is not null
order by drawn.stratum, drawn.place, drawn.recording_id, drawn.sample_index, drawn.face_index
