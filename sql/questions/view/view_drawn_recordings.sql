-- Recordings drawn by $seed under a filter, with probabilities in proportion to their face time of one perceived
-- gender ($answer; null: all) (Efraimidis and Spirakis 2006), and how many there are to draw from.
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

ordered as (
    select
        recording_id,
        -ln((md5_number_lower(concat_ws('/', $seed, recording_id)) + 1) / 18446744073709551617.0) / seconds as place
    from timed
    order by place
    limit $most
)

select
    (select count(*) from timed) as population,
    recordings.recording_number
from ordered
inner join recordings on ordered.recording_id = recordings.recording_id
