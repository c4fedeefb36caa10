select
    channel,
    programme,
    unnest(totals(screen_time)) -- noqa: AL03
from screen_time
group by channel, programme
order by channel, programme
