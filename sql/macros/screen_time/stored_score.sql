-- Detector score from which faces are stored; shards of earlier versions, which stored faces from 0.9, have no min_score.
create macro stored_score(min_score) as coalesce(min_score, 0.9)
