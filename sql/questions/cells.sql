-- Counted faces by stratum and the classes that error rates depend on, with the time that they represent.
with faces as (
    select
        *,
        stratum($keys, channel, month, size, confidence, answer) as stratum
    from faces_to_label
    where asked_for(channel, air_date, $since, $until, $channels)
)

select
    faces.stratum,
    faces.size,
    faces.confidence,
    faces.answer,
    count(*) as faces,
    avg(faces.p_female) as p_female,
    sum(sample_gender.step_seconds) as seconds,
    sum(sample_gender.step_seconds ** 2) as squared_seconds
from faces
inner join sample_gender
    on faces.recording_number = sample_gender.recording_number and faces.sample_index = sample_gender.sample_index
group by all
order by all
