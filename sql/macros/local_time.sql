-- What a clock in `zone` (IANA name or ±HH:MM) showed at `instant`; null where nobody knows the zone.
-- ICU writes fixed offsets as GMT±HH:MM, and refuses the whole query for a name that it does not know.
create macro local_time(zone, instant) as
case
    when regexp_full_match(zone, '(UTC|GMT)?[+-](0[0-9]|1[0-4]):[0-5][0-9]')
        then timezone('GMT' || right(zone, 6), instant)
    when list_contains((select list(known.name) from pg_timezone_names() as known), zone)
        then timezone(zone, instant)
end
