-- Analyses of recordings as stored when the warehouse was published: one row per analysis.
select *
from stg_recordings
