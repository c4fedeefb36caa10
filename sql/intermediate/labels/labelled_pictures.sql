-- Labels with the sample of their moment: one row per label; without a sample if the moment was not analysed. A draw
-- (the faces or the pictures of a queue) is weighted to represent the archive by itself.
with labels as (
    select
        *,
        row_number() over (order by recording_id, seconds, x1, y1, x2, y2, annotator, imported_at) as label_number
    from stg_labels
)

select
    labels.*,
    case when labels.whole_picture then labels.queue || ', pictures' else labels.queue || ', faces' end as draw,
    recordings.recording_number,
    recordings.channel,
    recordings.classifier_id as model_id,
    recordings.sampling,
    (labels.y2 - labels.y1) * 360 / recordings.height as height_360,
    samples.sample_index,
    samples.step_seconds
from labels
left join recordings on labels.recording_id = recordings.recording_id
left join sample_gender as samples
    on
        recordings.recording_number = samples.recording_number
        and labels.seconds >= samples.seconds
        and labels.seconds < samples.seconds + samples.step_seconds
-- Where one sample ends and the next begins, rounding may let them share a moment.
qualify row_number() over (partition by labels.label_number order by samples.seconds desc) = 1
