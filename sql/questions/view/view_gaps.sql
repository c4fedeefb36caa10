-- Recordings that are not completely analysed, by channel, day, week or month ($unit) and reason, under a filter.
with shown as (
    select distinct
        recording_id,
        path,
        channel,
        cast(date_trunc($unit, date) as date) as first_day
    from rollup
    where date is not null and in_filter(channel, programme, date, weekday, hour, $filter)
)

select
    shown.channel,
    shown.first_day,
    recording_coverage.status,
    recording_coverage.reason,
    count(*) as recordings
from recording_coverage
inner join shown
    on
        recording_coverage.path = shown.path
        and recording_coverage.recording_id is not distinct from shown.recording_id
where recording_coverage.status not in ('done', 'copy')
group by all
order by shown.channel asc, shown.first_day asc, recordings desc, recording_coverage.reason asc
