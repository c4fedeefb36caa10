-- Recordings whose faces are stored from a higher detector score than they are counted from; gfpipe analyse adds them.
select
    recordings.recording_id,
    recordings.min_score as stored_from,
    counting.min_score as counted_from
from recordings
cross join counting
where
    recordings.status <> 'failed'
    and recordings.sampling <> 'imported'
    and cast(stored_score(recordings.min_score) as float) > counting.min_score
