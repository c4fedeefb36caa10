-- What people said of faces, and what the classifier makes of the same ones; without a perceived gender where the
-- detector missed the face. Seconds of face time stand for the archive's, as far as the labels' weights do.
select
    channel,
    model_id,
    size,
    answer,
    perceived_gender,
    count(*) as faces,
    sum(weight * step_seconds) as weighted_seconds
from labelled_faces
group by all
order by all
