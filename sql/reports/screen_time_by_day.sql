-- The day is the local date on which a recording started, as in coverage.
select
    channel,
    air_date,
    count(*) as recordings,
    sum(analysed_seconds) / 3600 as analysed_hours,
    sum(analysed_seconds) as analysed_seconds,
    sum(female_face_seconds) as female_face_seconds,
    sum(male_face_seconds) as male_face_seconds,
    sum(undecided_face_seconds) as undecided_face_seconds,
    sum(female_presence_seconds) as female_presence_seconds,
    sum(male_presence_seconds) as male_presence_seconds,
    share(sum(female_face_seconds), sum(female_face_seconds + male_face_seconds)) as share_female_face_time,
    share(sum(female_presence_seconds), sum(analysed_seconds)) as share_female_presence_time,
    share(sum(male_presence_seconds), sum(analysed_seconds)) as share_male_presence_time
from screen_time
group by channel, air_date
order by channel, air_date
