select
    weekday,
    unnest(totals(rollup)) -- noqa: AL03
from rollup
group by weekday
order by weekday
