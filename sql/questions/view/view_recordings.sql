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
)

select
    count(*) over () as recordings,
    recording_coverage.recording_id,
    recording_coverage.path,
    recording_coverage.channel,
    recording_coverage.programme,
    recording_coverage.started_at,
    recording_coverage.timezone,
    recording_coverage.status,
    recording_coverage.reason,
    filtered.analysed_seconds,
    filtered.scheduled_seconds,
    filtered.share_female_face_time
from filtered
inner join recording_coverage
    on
        filtered.path = recording_coverage.path
        and filtered.recording_id is not distinct from recording_coverage.recording_id
        and recording_coverage.status <> 'copy'
order by recording_coverage.started_at, recording_coverage.path
limit $most offset $skip
