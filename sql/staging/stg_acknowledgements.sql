-- Failed and rejected files that a person has acknowledged: one row per file.
select
    path,
    reason,
    source_fingerprint,
    acknowledged_at
from read_parquet(
    shard_files('acknowledgements'),
    union_by_name = true,
    hive_partitioning = false
)
