-- Detector score from which faces are stored; earlier versions stored faces from 0.9 without writing min_score.
create macro stored_score(min_score) as coalesce(min_score, 0.9)
