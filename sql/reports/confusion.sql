-- What people said of faces, and what the classifier makes of the same ones; without a perceived gender where the
-- detector missed the face. Seconds of face time stand for the archive's, as far as the labels' weights do.
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
