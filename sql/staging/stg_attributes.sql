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
    getvariable('lake') || '/attributes/v1/**/[!.]*.parquet',
    union_by_name = true,
    hive_partitioning = false
)
