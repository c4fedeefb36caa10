-- The tens of seconds that a stretch of time touches: 0 up to the tenth second, 1 up to the twentieth, and so on.
create macro tens(start_seconds, stop_seconds) as range(
    cast(floor(start_seconds / 10) as bigint), cast(ceil(stop_seconds / 10) as bigint)
)
