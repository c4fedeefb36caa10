-- Damaged shards, which are not read: one row per shard. The next analysis of a recording makes them again.
select
    unnest( -- noqa: AL03
        cast(
            getvariable('damaged_shards') as struct(recording_id varchar, channel varchar, shard varchar)[]
        ),
        recursive := true
    )
