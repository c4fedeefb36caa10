-- Number of samples per stratum.
select
    stratum($keys, channel, month, null, null, null) as stratum,
    count(*) as population
from frames_to_label
where asked_for(channel, air_date, $since, $until, $channels)
group by 1
order by 1
