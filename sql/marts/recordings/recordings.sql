-- The newest analysis of each recording: one row per recording. Other tables join on (recording_id, config_digest),
-- or on recording_number, which is cheaper. One that cannot be believed is failed, with the
-- reason, and its rows count nowhere.
with examined as (
    select
        analyses.recording_id,
        case
            when damaged_recordings.recording_id is not null then damaged_recordings.reason
            when
                not analyses.analysed_seconds between 0 and longest_seconds(analyses.source_bytes)
                or not coalesce(analyses.duration_seconds, 0) between 0 and longest_seconds(null)
                or not analyses.lost_seconds between 0 and longest_seconds(null)
                then
                    format(
                        'it claims {:.0f} s{}, which cannot be: the times in the file are wrong; copy the file again, '
                        || 'or its streams into a new container (ffmpeg -c copy), then run gfpipe analyse again',
                        greatest(analyses.analysed_seconds, analyses.duration_seconds, analyses.lost_seconds),
                        coalesce(' in ' || cast(analyses.source_bytes as varchar) || ' bytes', '')
                    )
            when local_time(analyses.timezone, analyses.started_at) is null
                then 'the time zone ' || analyses.timezone || ' is unknown; correct it, then run gfpipe analyse again'
        end as refusal
    from analyses
    left join damaged_recordings on analyses.recording_id = damaged_recordings.recording_id
    where analyses.status <> 'failed'
)

select
    analyses.* replace (
        case when examined.refusal is null then analyses.status else 'failed' end as status,
        coalesce(examined.refusal, analyses.reason) as reason,
        case when analyses.scheduled_seconds <= longest_seconds(null) then analyses.scheduled_seconds end
            as scheduled_seconds,
        case when analyses.duration_seconds between 0 and longest_seconds(null) then analyses.duration_seconds end
            as duration_seconds,
        case when examined.refusal is null then analyses.analysed_seconds else 0 end as analysed_seconds,
        case when examined.refusal is null then analyses.lost_seconds else 0 end as lost_seconds,
        case when examined.refusal is null then analyses.sample_count else 0 end as sample_count,
        case when examined.refusal is null then analyses.face_count else 0 end as face_count
    ),
    recording_number(analyses.recording_id, analyses.started_at) as recording_number,
    local_time(analyses.timezone, analyses.started_at) as started_at_local,
    cast(local_time(analyses.timezone, analyses.started_at) as date) as air_date
from analyses
left join examined on analyses.recording_id = examined.recording_id
anti join copies on analyses.recording_id = copies.recording_id
order by analyses.channel, analyses.started_at, analyses.recording_id
