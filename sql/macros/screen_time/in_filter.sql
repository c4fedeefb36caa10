-- True if a row of the rollup passes the filter of `gfpipe view`, a struct; what is null in it does not restrict.
create macro in_filter(channel, programme, date, weekday, hour, f) as (
    coalesce(channel = cast(struct_extract(f, 'channel') as varchar), struct_extract(f, 'channel') is null)
    and coalesce(
        list_contains(cast(struct_extract(f, 'programmes') as varchar[]), programme),
        struct_extract(f, 'programmes') is null
    )
    and coalesce(date >= cast(struct_extract(f, 'since') as date), struct_extract(f, 'since') is null)
    and coalesce(date <= cast(struct_extract(f, 'until') as date), struct_extract(f, 'until') is null)
    and coalesce(weekday = cast(struct_extract(f, 'weekday') as integer), struct_extract(f, 'weekday') is null)
    and coalesce(hour = cast(struct_extract(f, 'hour') as integer), struct_extract(f, 'hour') is null)
)
