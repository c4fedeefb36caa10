-- Whether a question that names days and channels means this one; null, or an empty list, leaves out nothing.
create macro asked_for(channel, air_date, since, until, channels) as (
    (since is null or air_date >= since)
    and (until is null or air_date <= until)
    and (len(channels) = 0 or list_contains(channels, channel))
)
