-- Analysed files with the content of another file, which counts in their place: one row per copy. None if copies count.
with readable as (
    select analyses.*
    from analyses
    anti join damaged_recordings on analyses.recording_id = damaged_recordings.recording_id
    where analyses.status <> 'failed' and analyses.source_fingerprint is not null
),

same_content as (
    select
        recording_id,
        first_value(path) over (
            partition by source_fingerprint, sample_count, face_count order by started_at asc, recording_id asc
        ) as original_path,
        row_number() over (
            partition by source_fingerprint, sample_count, face_count order by started_at asc, recording_id asc
        ) as place
    from readable
)

select
    same_content.recording_id,
    same_content.original_path
from same_content
cross join counting
where same_content.place > 1 and counting.copies = 'once'
