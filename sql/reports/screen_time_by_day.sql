-- The day is the local date on which a recording started, as in coverage.
select
    channel,
    air_date,
    unnest(totals(screen_time)) -- noqa: AL03
from screen_time
group by channel, air_date
order by channel, air_date
