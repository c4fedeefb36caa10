-- Local time at an instant; the zone is an IANA name or ±HH:MM, null for an unknown zone. ICU writes fixed offsets
-- as GMT±HH:MM and fails the whole query for an unknown name.
create macro local_time(zone, instant) as
case
    when regexp_full_match(zone, '(UTC|GMT)?[+-](0[0-9]|1[0-4]):[0-5][0-9]')
        then timezone('GMT' || right(zone, 6), instant)
    when list_contains((select list(known.name) from pg_timezone_names() as known), zone)
        then timezone(zone, instant)
end
