-- Labels that do not enter the figures, with the reason: one row per label.
select
    matched_labels.recording_id,
    matched_labels.seconds,
    matched_labels.answer,
    matched_labels.annotator,
    case
        when matched_labels.recording_number is null then 'the recording was not analysed'
        when matched_labels.sample_index is null then 'that moment was not analysed'
        when matched_labels.taken_back then 'the same annotator answered anew'
        when matched_labels.weight = 0 then 'the face was marked by a viewer, not drawn at random'
        else 'the face is too small to count'
    end as reason
from matched_labels
anti join labelled_faces on matched_labels.label_number = labelled_faces.label_number
order by matched_labels.recording_id, matched_labels.seconds, matched_labels.label_number
