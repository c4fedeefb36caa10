-- Coverage and face time by channel and day, week or month ($unit), under a filter.
select
    channel,
    cast(date_trunc($unit, date) as date) as first_day,
    count(distinct coalesce(recording_id, path)) as recordings,
    sum(scheduled_seconds) as scheduled_seconds,
    sum(analysed_seconds) as analysed_seconds,
    share(sum(least(analysed_seconds, scheduled_seconds)), sum(scheduled_seconds)) as coverage,
    share(sum(female_face_seconds), sum(female_face_seconds + male_face_seconds)) as share_female_face_time
from rollup
where date is not null and in_filter(channel, programme, date, weekday, hour, $filter)
group by all
order by all
