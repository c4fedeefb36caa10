-- Screen time: one row per hour on the local clock.
select
    hour,
    unnest(totals(rollup)) -- noqa: AL03
from rollup
group by hour
order by hour
