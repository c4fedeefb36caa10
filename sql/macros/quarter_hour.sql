-- Quarters of an hour since 1970 at `instant`: in every zone the clock's hour is the same throughout one of them.
-- floor, because a division rounds what was aired before 1970 the wrong way.
create macro quarter_hour(instant) as cast(floor(epoch(instant) / 900) as bigint)
