-- Women's share of face time under other ways of counting: one row per variant, over all channels.
with sums as (
    select
        place,
        variant,
        sum(female_face_seconds) as female_face_seconds,
        sum(male_face_seconds) as male_face_seconds,
        sum(undecided_face_seconds) as undecided_face_seconds
    from sensitivity
    group by place, variant
),

shares as (
    select
        *,
        share(female_face_seconds, female_face_seconds + male_face_seconds) as share
    from sums
)

select
    variant,
    female_face_seconds,
    male_face_seconds,
    undecided_face_seconds,
    share,
    100 * (share - first_value(share) over (order by place)) as difference
from shares
order by place
