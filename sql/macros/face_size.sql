-- The only place that holds the size classes: lines of a face where the picture has 360.
create macro face_size(height_360) as
case
    when height_360 < 48 then 'small'
    when height_360 < 96 then 'medium'
    when height_360 >= 96 then 'large'
end
