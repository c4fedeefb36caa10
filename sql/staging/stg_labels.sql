-- Annotators' answers as imported: one row per labelled face.
select
    recording_id,
    seconds,
    x1,
    y1,
    x2,
    y2,
    answer,
    weight,
    annotator,
    whole_picture,
    queue,
    imported_at
from read_parquet(
    shard_files('labels'),
    union_by_name = true,
    hive_partitioning = false
)
