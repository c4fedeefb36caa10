-- Contents of the archive as listed: one row per file or row of the manifest.
select
    recording_id,
    path,
    channel,
    programme,
    started_at,
    timezone,
    scheduled_seconds,
    problem,
    problem_since,
    seen_at
from read_parquet(
    shard_files('schedule'),
    union_by_name = true,
    hive_partitioning = false
)
