-- Samples drawn from each stratum of allocation, in an order by hash as in drawn_faces.
with wanted as (
    select
        *,
        stratum($keys, channel, month, null, null, null) as stratum,
        md5_number_lower(concat_ws('/', $seed, 'frame', recording_id, sample_index)) as place
    from frames_to_label
    where asked_for(channel, air_date, $since, $until, $channels)
),

shuffled as (
    select
        wanted.*,
        allocation.taken,
        allocation.inclusion_probability,
        allocation.limit_place
    from wanted
    inner join allocation on wanted.stratum = allocation.stratum
),

drawn as (
    select *
    from shuffled
    where place <= limit_place
    qualify row_number() over (partition by stratum order by place, recording_id, sample_index) <= taken
)

select
    drawn.recording_id,
    recordings.path,
    recordings.channel,
    recordings.programme,
    recordings.started_at,
    drawn.sample_index,
    sample_gender.seconds,
    recordings.config_digest,
    drawn.stratum,
    drawn.inclusion_probability
from drawn
inner join recordings on drawn.recording_number = recordings.recording_number
inner join sample_gender
    on drawn.recording_number = sample_gender.recording_number and drawn.sample_index = sample_gender.sample_index
order by drawn.stratum, drawn.place, drawn.recording_id, drawn.sample_index
