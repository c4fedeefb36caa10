-- The rows that count: a recording's newest analysis. Everything else joins on its (recording_id, config_digest).
-- recording_number stands for that pair within one warehouse: faces are joined and grouped by it, not by two strings.
select
    *,
    cast(row_number() over (order by channel, started_at, recording_id) as uinteger) as recording_number,
    local_time(timezone, started_at) as started_at_local,
    cast(local_time(timezone, started_at) as date) as air_date
from stg_recordings
qualify row_number() over (partition by recording_id order by analysed_at desc, config_digest asc) = 1
order by channel, started_at, recording_id
