-- Labels of faces large enough to count, with the classifier's prediction: one row per label. Several annotators
-- share the weight of a face, and of a whole picture all who labelled it, whether they marked that face or not. Labels
-- without weight are of faces that were not drawn at random.
select
    matched_labels.label_number,
    matched_labels.recording_id,
    matched_labels.channel,
    matched_labels.model_id,
    matched_labels.seconds,
    matched_labels.sample_index,
    found.face_index,
    matched_labels.answer,
    coalesce(found.size, face_size(matched_labels.height_360)) as size,
    found.perceived_gender,
    found.p_female,
    found.track_perceived_gender,
    matched_labels.step_seconds,
    matched_labels.weight / case
        when matched_labels.whole_picture
            then count(distinct coalesce(matched_labels.annotator, '')) over (
                partition by
                    matched_labels.draw,
                    matched_labels.whole_picture,
                    matched_labels.recording_number,
                    matched_labels.sample_index
            )
        else count(*) over (
            partition by
                matched_labels.draw,
                matched_labels.whole_picture,
                matched_labels.recording_number,
                matched_labels.sample_index,
                matched_labels.face_index,
                case when matched_labels.face_index is null then matched_labels.x1 end,
                case when matched_labels.face_index is null then matched_labels.y1 end
        )
    end as weight,
    matched_labels.annotator,
    matched_labels.whole_picture,
    coalesce(found.height_360, matched_labels.height_360) as height_360,
    matched_labels.draw,
    matched_labels.draw is not null
    or bool_or(matched_labels.weight <> 1) over (partition by matched_labels.draw) as drawn,
    counted_samples.aired_at,
    counted_samples.no_female_probability,
    counted_samples.no_male_probability
from matched_labels
cross join counting
left join classified_faces as found
    on
        matched_labels.recording_number = found.recording_number
        and matched_labels.sample_index = found.sample_index
        and matched_labels.face_index = found.face_index
left join counted_samples
    on
        matched_labels.recording_number = counted_samples.recording_number
        and matched_labels.sample_index = counted_samples.sample_index
where
    matched_labels.sample_index is not null
    and not matched_labels.taken_back
    and matched_labels.weight > 0
    and coalesce(found.counted, matched_labels.height_360 >= counting.min_face)
