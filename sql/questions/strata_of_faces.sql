-- Number of faces per stratum.
select
    stratum($keys, channel, month, size, confidence, answer) as stratum,
    count(*) as population
from faces_to_label
where asked_for(channel, air_date, $since, $until, $channels)
group by 1
order by 1
