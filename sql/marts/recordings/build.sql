-- What built the warehouse: one row.
select
    cast(getvariable('gfpipe_version') as varchar) as gfpipe_version,
    cast(getvariable('built_with') as varchar) as built_with
