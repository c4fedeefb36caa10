-- Screen time: one row per month.
select
    month,
    unnest(totals(rollup)) -- noqa: AL03
from rollup
group by month
order by month
