-- Segments of the sound by inaSpeechSegmenter: one row per segment.
select
    recording_id,
    label,
    start_seconds,
    stop_seconds,
    imported_at
from read_parquet(
    shard_files('speech'),
    union_by_name = true,
    hive_partitioning = false
)
