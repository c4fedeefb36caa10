-- Samples that count: those of sample_gender whose middle is not counted in another recording of the channel.
select sample_gender.*
from sample_gender
anti join counted_elsewhere
    on
        sample_gender.recording_number = counted_elsewhere.recording_number
        and sample_gender.aired_at + to_seconds(sample_gender.step_seconds / 2) >= counted_elsewhere.starts_at
        and sample_gender.aired_at + to_seconds(sample_gender.step_seconds / 2) < counted_elsewhere.ends_at
