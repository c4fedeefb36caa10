-- What to know about analysed recordings, apart from losses: one row per recording with a note.
select
    channel,
    air_date,
    programme,
    note,
    path,
    recording_id
from recordings
where note is not null
order by channel, started_at, path
