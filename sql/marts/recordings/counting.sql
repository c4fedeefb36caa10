-- Which faces and recordings count: one row.
select
    cast(getvariable('min_face') as double) as min_face,
    cast(getvariable('min_score') as float) as min_score,
    cast(getvariable('overlapping') as varchar) as overlapping,
    cast(getvariable('copies') as varchar) as copies
