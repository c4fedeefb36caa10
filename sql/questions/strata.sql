-- Number of faces or samples ($kind: face or frame) per stratum.
select
    stratum($keys, channel, month, size, confidence, answer) as stratum,
    count(*) as population
from items_to_label
where kind = $kind and asked_for(channel, air_date, $since, $until, $channels)
group by 1
order by 1
