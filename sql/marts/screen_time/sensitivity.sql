-- Face time under other ways of counting: one row per channel and variant.
with sums as (
    select
        recordings.channel,
        alternatives.place,
        alternatives.variant,
        sum(alternatives.female_face_seconds) as female_face_seconds,
        sum(alternatives.male_face_seconds) as male_face_seconds,
        sum(alternatives.undecided_face_seconds) as undecided_face_seconds
    from alternatives
    inner join recordings on alternatives.recording_number = recordings.recording_number
    group by recordings.channel, alternatives.place, alternatives.variant
)

select
    *,
    share(female_face_seconds, female_face_seconds + male_face_seconds) as share
from sums
order by channel, place
