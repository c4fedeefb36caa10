-- Labels against the classifier's predictions: one row per channel, model, size, answer and prediction.
with weighted as (
    select
        *,
        weight * step_seconds * part_of_draws(channel, draw) as seconds_stood_for
    from labelled_faces
)

select
    channel,
    model_id,
    size,
    answer,
    perceived_gender,
    count(*) as faces,
    sum(seconds_stood_for) as weighted_seconds
from weighted
group by all
order by all
