-- Quarters of an hour since 1970 at an instant. All current time zone offsets are multiples of a quarter, so the
-- local hour is constant within it. floor, because integer division rounds towards zero before 1970.
create macro quarter_hour(instant) as cast(floor(epoch(instant) / 900) as bigint)
