-- Numbers of the ten-second intervals that a stretch of time overlaps, from 0.
create macro tens(start_seconds, stop_seconds) as range(
    cast(floor(start_seconds / 10) as bigint), cast(ceil(stop_seconds / 10) as bigint)
)
