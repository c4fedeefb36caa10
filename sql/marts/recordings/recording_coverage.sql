-- Everything scheduled or analysed, so that gaps are visible: one row per recording. Rows of the schedule with a
-- problem are rejected and never matched with a recording. A recording whose row is damaged is failed. A copy counts
-- in the recording of which it is a copy. An acknowledgement is about a file, until that changes.
with expected as (
    select schedule.*
    from schedule
    anti join copies on schedule.recording_id = copies.recording_id
    where schedule.problem is null
),

scheduled_or_analysed as (
    select
        coalesce(recordings.recording_id, expected.recording_id, damaged_recordings.recording_id) as recording_id,
        coalesce(recordings.path, expected.path, damaged_recordings.shard) as path,
        coalesce(recordings.channel, expected.channel, damaged_recordings.channel) as channel,
        coalesce(recordings.programme, expected.programme) as programme,
        coalesce(recordings.started_at, expected.started_at) as started_at,
        coalesce(recordings.timezone, expected.timezone) as timezone,
        case
            when recordings.recording_id is not null then recordings.status
            when damaged_recordings.recording_id is not null then 'failed'
            else 'missing'
        end as status,
        case
            when recordings.recording_id is not null then recordings.reason
            else coalesce(damaged_recordings.reason, 'not analysed yet')
        end as reason,
        coalesce(expected.scheduled_seconds, recordings.scheduled_seconds, recordings.duration_seconds)
            as scheduled_seconds,
        coalesce(recordings.analysed_seconds, 0) as analysed_seconds,
        coalesce(recordings.lost_seconds, 0) as lost_seconds,
        recordings.source_fingerprint
    from recordings
    full outer join expected on recordings.recording_id = expected.recording_id
    full outer join damaged_recordings
        on coalesce(recordings.recording_id, expected.recording_id) = damaged_recordings.recording_id
    union all
    select
        recording_id,
        path,
        channel,
        programme,
        started_at,
        timezone,
        'rejected' as status,
        problem as reason,
        scheduled_seconds,
        0 as analysed_seconds,
        0 as lost_seconds,
        null as source_fingerprint
    from schedule
    where problem is not null
    union all
    select
        analyses.recording_id,
        analyses.path,
        analyses.channel,
        analyses.programme,
        analyses.started_at,
        analyses.timezone,
        'copy' as status,
        'copy of ' || copies.original_path as reason,
        0 as scheduled_seconds,
        0 as analysed_seconds,
        0 as lost_seconds,
        null as source_fingerprint
    from copies
    inner join analyses on copies.recording_id = analyses.recording_id
)

select
    scheduled_or_analysed.recording_id,
    scheduled_or_analysed.path,
    scheduled_or_analysed.channel,
    scheduled_or_analysed.programme,
    scheduled_or_analysed.started_at,
    scheduled_or_analysed.timezone,
    scheduled_or_analysed.status,
    scheduled_or_analysed.reason || coalesce('; acknowledged: ' || stg_acknowledgements.reason, '') as reason,
    scheduled_or_analysed.scheduled_seconds,
    scheduled_or_analysed.analysed_seconds,
    scheduled_or_analysed.lost_seconds,
    stg_acknowledgements.reason as acknowledged,
    cast(local_time(scheduled_or_analysed.timezone, scheduled_or_analysed.started_at) as date) as air_date
from scheduled_or_analysed
left join stg_acknowledgements
    on
        scheduled_or_analysed.path = stg_acknowledgements.path
        and scheduled_or_analysed.status in ('failed', 'rejected')
        and coalesce(scheduled_or_analysed.source_fingerprint = stg_acknowledgements.source_fingerprint, true)
order by scheduled_or_analysed.channel, scheduled_or_analysed.started_at, scheduled_or_analysed.path
