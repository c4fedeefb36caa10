-- Screen time: one row per channel.
select
    channel,
    unnest(totals(rollup)) -- noqa: AL03
from rollup
group by channel
order by channel
