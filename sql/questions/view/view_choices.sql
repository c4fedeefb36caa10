-- What a filter can choose: first and last day, all channels with their time zones, and the programmes with most time;
-- and the probabilities between which a face is undecided.
with programmes as (
    select
        programme,
        sum(scheduled_seconds + analysed_seconds) as seconds
    from rollup
    where programme is not null
    group by programme
    order by seconds desc, programme asc
    limit 500
),

readings as (
    select
        cast(range / 100 as float) as p_female,
        perceived_gender(p_female) as answer
    from range(101)
),

undecided as (
    select [max(p_female) filter (where answer = 'male'), min(p_female) filter (where answer = 'female')] as ends
    from readings
),

known as (
    select list(programme order by programme) as programmes
    from programmes
),

places as (
    select list(distinct [channel, timezone]) as zones
    from recordings
    where timezone is not null
),

archive as (
    select
        min(date) as first_day,
        max(date) as last_day,
        list(distinct channel order by channel) as channels
    from rollup
)

select
    archive.first_day,
    archive.last_day,
    archive.channels,
    known.programmes,
    places.zones,
    undecided.ends as undecided
from archive
cross join known
cross join places
cross join undecided
