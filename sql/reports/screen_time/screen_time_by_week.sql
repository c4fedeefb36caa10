-- Screen time: one row per ISO week.
select
    week,
    unnest(totals(rollup)) -- noqa: AL03
from rollup
group by week
order by week
