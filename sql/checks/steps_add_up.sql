-- To within a millisecond a recording: what the recording says was analysed is what its samples stand for.
select
    recordings.recording_id,
    recordings.analysed_seconds,
    coalesce(sum(sample_gender.step_seconds), 0) as sum_of_steps
from recordings
left join sample_gender on recordings.recording_id = sample_gender.recording_id
group by recordings.recording_id, recordings.analysed_seconds
having not coalesce(abs(recordings.analysed_seconds - coalesce(sum(sample_gender.step_seconds), 0)) <= 1e-3, false)
