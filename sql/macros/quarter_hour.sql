-- Quarters of an hour since 1970 at `instant`: in every zone, as they are today, a clock shows one hour throughout it.
-- floor, because a division rounds what was aired before 1970 the wrong way.
create macro quarter_hour(instant) as cast(floor(epoch(instant) / 900) as bigint)
