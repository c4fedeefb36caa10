-- Numbers of the ten-second intervals that a stretch of time overlaps, from 0, within the longest time of a recording.
create macro tens(start_seconds, stop_seconds) as range(
    cast(floor(greatest(start_seconds, 0) / 10) as bigint),
    cast(ceil(least(stop_seconds, longest_seconds(null)) / 10) as bigint)
)
