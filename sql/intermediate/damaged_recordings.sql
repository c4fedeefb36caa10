-- Recordings with damaged shards: one row per recording.
select
    recording_id,
    any_value(channel) as channel,
    min(shard) as shard,
    'damaged shard ' || string_agg(shard, ', ' order by shard) || ': gfpipe analyse makes it again' as reason
from damaged_shards
group by recording_id
