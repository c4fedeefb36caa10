-- Attributes of faces as stored: one row per face and classifier.
select
    recording_id,
    config_digest,
    sample_index,
    face_index,
    model_id,
    p_female,
    age_years
from read_parquet(
    shard_files('attributes'),
    union_by_name = true,
    hive_partitioning = false
)
