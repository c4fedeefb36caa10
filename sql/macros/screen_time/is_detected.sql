-- True if the detector score is high enough to count; imported faces have scores on other scales and always count.
create macro is_detected(detector_score, sampling, min_score) as
sampling = 'imported' or detector_score >= cast(min_score as float)
