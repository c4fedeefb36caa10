-- The newest analysis of each recording: one row per recording. Other tables join on (recording_id, config_digest),
-- and within one warehouse on recording_number, which is cheaper.
select
    *,
    cast(row_number() over (order by channel, started_at, recording_id) as uinteger) as recording_number,
    local_time(timezone, started_at) as started_at_local,
    cast(local_time(timezone, started_at) as date) as air_date
from stg_recordings
qualify row_number() over (partition by recording_id order by analysed_at desc, config_digest asc) = 1
order by channel, started_at, recording_id
