-- The day on which it was on air, by the clock on the wall: a programme past midnight belongs to two days.
select
    channel,
    date,
    unnest(totals(rollup)) -- noqa: AL03
from rollup
group by channel, date
order by channel, date
