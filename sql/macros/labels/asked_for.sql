-- True if a row matches the requested days and channels; null, or an empty list, does not restrict.
create macro asked_for(channel, air_date, since, until, channels) as (
    (since is null or air_date >= since)
    and (until is null or air_date <= until)
    and (len(channels) = 0 or list_contains(channels, channel))
)
