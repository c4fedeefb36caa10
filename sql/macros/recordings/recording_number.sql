-- Number of a recording, the same in every warehouse: the hour in which it starts, and 43 bits of a hash of its id.
-- Numbers of one night are close together, so that few blocks of a table hold them.
create macro recording_number(recording_id, started_at) as
(cast(floor(epoch(started_at) / 3600) as bigint) & 1048575) * 8796093022208
+ cast(md5_number_lower(recording_id) & 8796093022207 as bigint)
