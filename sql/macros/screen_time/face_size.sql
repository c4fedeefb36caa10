-- Size class of a face by its height in a frame of 360 lines.
create macro face_size(height_360) as
case
    when height_360 < 48 then 'small'
    when height_360 < 96 then 'medium'
    when height_360 >= 96 then 'large'
end
