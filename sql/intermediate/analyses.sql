-- The newest analysis of each file: one row per recording. Of several entries of one path and content, which earlier
-- versions stored under several ids, the one that the archive lists counts, else the newest.
with newest as (
    select *
    from all_analyses
    qualify row_number() over (partition by recording_id order by analysed_at desc, config_digest asc) = 1
)

select newest.*
from newest
left join schedule on newest.recording_id = schedule.recording_id and schedule.problem is null
qualify row_number() over (
    partition by newest.path, coalesce(newest.source_fingerprint, newest.recording_id)
    order by schedule.recording_id is null asc, newest.analysed_at desc, newest.recording_id asc
) = 1
