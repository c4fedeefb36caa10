-- Women's share of face time and what it is based on, rounded for reading: one row per channel and programme.
select
    channel,
    programme,
    round(hours_analysed, 2) as hours,
    round(100 * coverage, 1) as coverage_percent,
    round(100 * share_female_face_time, 1) as women_percent
from screen_time_by_programme
order by channel, programme
