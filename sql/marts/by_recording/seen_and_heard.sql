-- Time in which women and men are seen, heard, and both: one row per recording with imported speech. Speech while no
-- frame was analysed is left out. Ten-second intervals keep the join of samples and speech small.
with heard as (
    select
        recordings.recording_number,
        stg_speech.label as heard,
        stg_speech.start_seconds,
        stg_speech.stop_seconds,
        unnest(tens(stg_speech.start_seconds, stg_speech.stop_seconds)) as ten
    from stg_speech
    inner join recordings on stg_speech.recording_id = recordings.recording_id
),

seen as (
    select
        counted_samples.recording_number,
        counted_samples.female_faces > 0 as women,
        counted_samples.male_faces > 0 as men,
        counted_samples.step_seconds,
        counted_samples.seconds as start_seconds,
        counted_samples.seconds + counted_samples.step_seconds as stop_seconds
    from counted_samples
    semi join heard on counted_samples.recording_number = heard.recording_number
),

pictures as (
    select
        recording_number,
        sum(step_seconds) as analysed_seconds,
        coalesce(sum(step_seconds) filter (where women), 0) as women_seen_seconds,
        coalesce(sum(step_seconds) filter (where men), 0) as men_seen_seconds
    from seen
    group by recording_number
),

seen_by_ten as (
    select
        *,
        unnest(tens(start_seconds, stop_seconds)) as ten
    from seen
),

together as (
    select
        seen_by_ten.recording_number,
        seen_by_ten.women,
        seen_by_ten.men,
        heard.heard,
        least(seen_by_ten.stop_seconds, heard.stop_seconds, heard.ten * 10 + 10)
        - greatest(seen_by_ten.start_seconds, heard.start_seconds, heard.ten * 10) as seconds
    from seen_by_ten
    inner join heard on seen_by_ten.recording_number = heard.recording_number and seen_by_ten.ten = heard.ten
    where heard.heard in ('female', 'male')
),

sound as (
    select
        recording_number,
        sum(seconds) filter (where heard = 'female') as women_heard_seconds,
        sum(seconds) filter (where heard = 'female' and women) as women_seen_and_heard_seconds,
        sum(seconds) filter (where heard = 'male') as men_heard_seconds,
        sum(seconds) filter (where heard = 'male' and men) as men_seen_and_heard_seconds
    from together
    where seconds > 0
    group by recording_number
)

select
    recordings.recording_id,
    recordings.channel,
    recordings.programme,
    pictures.analysed_seconds,
    pictures.women_seen_seconds,
    coalesce(sound.women_heard_seconds, 0) as women_heard_seconds,
    coalesce(sound.women_seen_and_heard_seconds, 0) as women_seen_and_heard_seconds,
    pictures.women_seen_seconds - coalesce(sound.women_seen_and_heard_seconds, 0) as women_seen_not_heard_seconds,
    coalesce(sound.women_heard_seconds, 0) - coalesce(sound.women_seen_and_heard_seconds, 0)
        as women_heard_not_seen_seconds,
    pictures.men_seen_seconds,
    coalesce(sound.men_heard_seconds, 0) as men_heard_seconds,
    coalesce(sound.men_seen_and_heard_seconds, 0) as men_seen_and_heard_seconds,
    pictures.men_seen_seconds - coalesce(sound.men_seen_and_heard_seconds, 0) as men_seen_not_heard_seconds,
    coalesce(sound.men_heard_seconds, 0) - coalesce(sound.men_seen_and_heard_seconds, 0)
        as men_heard_not_seen_seconds
from pictures
inner join recordings on pictures.recording_number = recordings.recording_number
left join sound on pictures.recording_number = sound.recording_number
order by recordings.recording_number
