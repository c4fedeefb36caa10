-- Recordings under a filter with their time and status, in order of air time, from row $skip on: one row per file.
with filtered as (
    select
        recording_id,
        path,
        sum(analysed_seconds) as analysed_seconds,
        sum(scheduled_seconds) as scheduled_seconds,
        share(sum(female_face_seconds), sum(female_face_seconds + male_face_seconds)) as share_female_face_time
    from rollup
    where in_filter(channel, programme, date, weekday, hour, $filter)
    group by recording_id, path
),

listed as (
    select
        filtered.*,
        recording_coverage.started_at
    from filtered
    inner join recording_coverage
        on
            filtered.path = recording_coverage.path
            and filtered.recording_id is not distinct from recording_coverage.recording_id
            and recording_coverage.status <> 'copy'
),

page as (
    select * from listed
    order by started_at, path
    limit $most offset $skip
)

select
    (select count(*) from filtered) as recordings,
    page.*,
    recording_coverage.channel,
    recording_coverage.programme,
    recording_coverage.timezone,
    recording_coverage.status,
    recording_coverage.reason
from page
inner join recording_coverage
    on
        page.path = recording_coverage.path
        and page.recording_id is not distinct from recording_coverage.recording_id
        and recording_coverage.status <> 'copy'
order by page.started_at, page.path
