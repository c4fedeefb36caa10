-- Face time: seconds times faces. Presence time: seconds of the samples with at least one such face.
with totals as (
    select
        recording_id,
        count(*) as samples,
        sum(step_seconds) as analysed_seconds,
        sum(female_faces + male_faces + undecided_faces) as faces,
        sum(step_seconds * female_faces) as female_face_seconds,
        sum(step_seconds * male_faces) as male_face_seconds,
        sum(step_seconds * undecided_faces) as undecided_face_seconds,
        sum(step_seconds) filter (where female_faces > 0) as female_presence_seconds,
        sum(step_seconds) filter (where male_faces > 0) as male_presence_seconds,
        sum(step_seconds) filter (where undecided_faces > 0) as undecided_presence_seconds
    from sample_gender
    group by recording_id
)

select
    recordings.recording_id,
    recordings.channel,
    recordings.programme,
    recordings.started_at,
    recordings.air_date,
    recordings.status,
    cast(coalesce(totals.samples, 0) as bigint) as samples,
    cast(coalesce(totals.faces, 0) as bigint) as faces,
    coalesce(totals.analysed_seconds, 0) as analysed_seconds,
    coalesce(totals.female_face_seconds, 0) as female_face_seconds,
    coalesce(totals.male_face_seconds, 0) as male_face_seconds,
    coalesce(totals.undecided_face_seconds, 0) as undecided_face_seconds,
    coalesce(totals.female_presence_seconds, 0) as female_presence_seconds,
    coalesce(totals.male_presence_seconds, 0) as male_presence_seconds,
    coalesce(totals.undecided_presence_seconds, 0) as undecided_presence_seconds
from recordings
left join totals on recordings.recording_id = totals.recording_id
where recordings.status <> 'failed'
order by recordings.channel, recordings.started_at, recordings.recording_id
