-- Recordings drawn by $seed under a filter, with probabilities in proportion to their face time of one perceived gender
-- ($answer; null: all) (Efraimidis and Spirakis 2006), and how many there are to draw from.
with timed as (
    select
        recording_id,
        sum(case $answer
            when 'female' then female_face_seconds
            when 'male' then male_face_seconds
            when 'undecided' then undecided_face_seconds
            else female_face_seconds + male_face_seconds + undecided_face_seconds
        end) as seconds
    from rollup
    where in_filter(channel, programme, date, weekday, hour, $filter)
    group by recording_id
    having seconds > 0
),

numbered as (
    select
        recordings.recording_number,
        timed.seconds
    from timed
    inner join recordings on timed.recording_id = recordings.recording_id
)

select
    (select count(*) from timed) as population,
    recording_number
from numbered
order by -ln((cast(hash(recording_number, cast($seed as bigint)) as double) + 1) / 18446744073709551616) / seconds
limit $most
