-- Screen time: one row per channel and local date; a programme past midnight belongs to both days.
select
    channel,
    date,
    unnest(totals(rollup)) -- noqa: AL03
from rollup
group by channel, date
order by channel, date
