-- Contents of the archive by the newest listing of each path: one row per recording or rejected file. A recording
-- scheduled for more than a week is of unknown length.
with latest as (
    select
        * replace (
            case when scheduled_seconds <= longest_seconds(null) then scheduled_seconds end as scheduled_seconds
        )
    from stg_schedule
    qualify seen_at = max(seen_at) over (partition by path)
)

select * from latest
where problem is not null
union
select * from latest
where problem is null
qualify row_number() over (partition by recording_id order by seen_at desc, path asc) = 1
