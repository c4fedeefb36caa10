-- Women's share of face time by a column of the rollup ($by), under a filter.
select
    case $by
        when 'date' then cast(date as varchar)
        when 'week' then week
        when 'month' then month
        when 'year' then strftime(date, '%Y')
        when 'channel' then channel
        when 'programme' then programme
        when 'weekday' then cast(weekday as varchar)
        when 'hour' then lpad(cast(hour as varchar), 2, '0')
    end as group_name,
    count(distinct recording_id) filter (where analysed_seconds > 0) as recordings,
    sum(analysed_seconds) / 3600 as hours_analysed,
    sum(female_face_seconds) as female_face_seconds,
    sum(male_face_seconds) as male_face_seconds,
    share(sum(female_face_seconds), sum(female_face_seconds + male_face_seconds)) as share_female_face_time
from rollup
where in_filter(channel, programme, date, weekday, hour, $filter)
group by group_name
order by group_name
