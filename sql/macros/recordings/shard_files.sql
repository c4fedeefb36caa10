-- Shards of a table to read: those that the session variable shards_of_<table> lists, else all of the lake.
create macro shard_files(table_name) as coalesce(
    getvariable('shards_of_' || table_name),
    [getvariable('lake') || '/' || table_name || '/v1/**/[!.]*.parquet']
)
