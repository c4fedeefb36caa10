-- True if the detector's score is high enough to count; the scores of imported faces are on other scales and always are.
create macro is_detected(detector_score, sampling, min_score) as
sampling = 'imported' or detector_score >= cast(min_score as float)
