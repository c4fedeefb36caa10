-- The newest analysis of each recording: one row per recording. Other tables join on (recording_id, config_digest),
-- and within one warehouse on recording_number, which is cheaper. One that cannot be believed is failed, with the
-- reason, and its rows count nowhere.
with newest as (
    select *
    from stg_recordings
    qualify row_number() over (partition by recording_id order by analysed_at desc, config_digest asc) = 1
),

examined as (
    select
        *,
        case
            when
                not analysed_seconds between 0 and longest_seconds(source_bytes)
                or not coalesce(duration_seconds, 0) between 0 and longest_seconds(null)
                or not lost_seconds between 0 and longest_seconds(null)
                then
                    format(
                        'it claims {:.0f} s{}, which cannot be: the times in the file are wrong; copy the file again, '
                        || 'or its streams into a new container (ffmpeg -c copy), then run gfpipe analyse again',
                        greatest(analysed_seconds, duration_seconds, lost_seconds),
                        coalesce(' in ' || cast(source_bytes as varchar) || ' bytes', '')
                    )
            when local_time(timezone, started_at) is null
                then 'the time zone ' || timezone || ' is unknown; correct it, then run gfpipe analyse again'
        end as refusal
    from newest
    where status <> 'failed'
)

select
    newest.* replace (
        case when examined.refusal is null then newest.status else 'failed' end as status,
        coalesce(examined.refusal, newest.reason) as reason,
        case when newest.scheduled_seconds <= longest_seconds(null) then newest.scheduled_seconds end
            as scheduled_seconds,
        case when examined.refusal is null then newest.duration_seconds end as duration_seconds,
        case when examined.refusal is null then newest.analysed_seconds else 0 end as analysed_seconds,
        case when examined.refusal is null then newest.lost_seconds else 0 end as lost_seconds,
        case when examined.refusal is null then newest.sample_count else 0 end as sample_count,
        case when examined.refusal is null then newest.face_count else 0 end as face_count
    ),
    cast(row_number() over (order by newest.channel, newest.started_at, newest.recording_id) as uinteger)
        as recording_number,
    local_time(newest.timezone, newest.started_at) as started_at_local,
    cast(local_time(newest.timezone, newest.started_at) as date) as air_date
from newest
left join examined on newest.recording_id = examined.recording_id
order by newest.channel, newest.started_at, newest.recording_id
