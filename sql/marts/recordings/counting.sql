-- Thresholds of the faces that count: one row.
select
    cast(getvariable('min_face') as double) as min_face,
    cast(getvariable('min_score') as float) as min_score
