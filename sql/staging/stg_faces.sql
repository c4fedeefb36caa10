-- Detected faces as stored: one row per face.
select
    recording_id,
    config_digest,
    sample_index,
    face_index,
    x1,
    y1,
    x2,
    y2,
    landmarks,
    detector_score,
    height_360,
    track_id
from read_parquet(
    shard_files('faces'),
    union_by_name = true,
    hive_partitioning = false
)
