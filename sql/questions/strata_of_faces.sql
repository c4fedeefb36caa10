-- How many faces each stratum has.
select
    stratum($keys, channel, month, size, confidence, answer) as stratum,
    count(*) as population
from faces_to_label
where
    ($since is null or air_date >= $since)
    and ($until is null or air_date <= $until)
    and (len($channels) = 0 or list_contains($channels, channel))
group by 1
order by 1
