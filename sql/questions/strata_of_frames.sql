-- How many pictures each stratum has.
select
    stratum($keys, channel, month, null, null, null) as stratum,
    count(*) as population
from frames_to_label
where
    ($since is null or air_date >= $since)
    and ($until is null or air_date <= $until)
    and (len($channels) = 0 or list_contains($channels, channel))
group by 1
order by 1
