-- Screen time of each recording that was analysed at least partly: one row per recording.
with shown as (
    select
        recording_id,
        sum(samples) as samples,
        sum(samples * (female_faces + male_faces + undecided_faces)) as faces
    from compositions
    where method = 'faces'
    group by recording_id
),

seconds as (
    select
        recording_id,
        sum(analysed_seconds) as analysed_seconds,
        sum(female_face_seconds) as female_face_seconds,
        sum(male_face_seconds) as male_face_seconds,
        sum(undecided_face_seconds) as undecided_face_seconds,
        sum(female_presence_seconds) as female_presence_seconds,
        sum(male_presence_seconds) as male_presence_seconds,
        sum(undecided_presence_seconds) as undecided_presence_seconds
    from rollup
    group by recording_id
)

select
    recordings.recording_id,
    recordings.channel,
    recordings.programme,
    recordings.started_at,
    recordings.air_date,
    recordings.status,
    cast(coalesce(shown.samples, 0) as bigint) as samples,
    cast(coalesce(shown.faces, 0) as bigint) as faces,
    seconds.* exclude (recording_id) -- noqa: RF02
from recordings
inner join seconds on recordings.recording_id = seconds.recording_id
left join shown on recordings.recording_id = shown.recording_id
where recordings.status <> 'failed'
order by recordings.channel, recordings.started_at, recordings.recording_id
