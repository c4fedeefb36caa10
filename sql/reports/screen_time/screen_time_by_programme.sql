-- Screen time: one row per channel and programme.
select
    channel,
    programme,
    unnest(totals(rollup)) -- noqa: AL03
from rollup
group by channel, programme
order by channel, programme
