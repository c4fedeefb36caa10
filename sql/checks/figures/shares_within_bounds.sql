-- Channels with a share outside [0, 1].
select
    channel,
    share_female_face_time,
    share_female_presence_time,
    share_male_presence_time
from screen_time_by_channel
where
    share_female_face_time not between 0 and 1
    or share_female_presence_time not between 0 and 1
    or share_male_presence_time not between 0 and 1
