-- Changes of classifier within a channel: one row per change. Figures on both sides are no common series; reclassify
-- brings them under one model.
with turns as (
    select
        channel,
        air_date,
        started_at,
        classifier_id,
        lag(air_date) over broadcasts as until_date,
        lag(classifier_id) over broadcasts as from_classifier
    from recordings
    where status <> 'failed'
    window broadcasts as (partition by channel order by started_at, recording_id)
)

select
    channel,
    until_date,
    from_classifier,
    air_date as since_date,
    classifier_id as to_classifier
from turns
where classifier_id <> from_classifier
order by channel, started_at
