select
    channel,
    unnest(totals(screen_time)) -- noqa: AL03
from screen_time
group by channel
order by channel
