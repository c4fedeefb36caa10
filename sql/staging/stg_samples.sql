-- Samples as stored: one row per analysed frame.
select
    recording_id,
    config_digest,
    sample_index,
    seconds,
    step_seconds,
    aired_at,
    shot,
    face_count
from read_parquet(
    shard_files('samples'),
    union_by_name = true,
    hive_partitioning = false
)
