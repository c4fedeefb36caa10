-- Screen time: one row per day of the week.
select
    weekday,
    unnest(totals(rollup)) -- noqa: AL03
from rollup
group by weekday
order by weekday
