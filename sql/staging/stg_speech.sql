-- Segments of the sound by inaSpeechSegmenter: one row per segment.
select
    recording_id,
    label,
    start_seconds,
    stop_seconds,
    imported_at
from read_parquet(
    getvariable('lake') || '/speech/v1/**/[!.]*.parquet',
    union_by_name = true,
    hive_partitioning = false
)
