-- Share of the face time of women and men that the detector finds, by pictures labelled completely, and women's
-- share of face time corrected for it: one row per channel, and one for all.
with weighted as (
    select
        channel,
        answer,
        face_index,
        weight * step_seconds * part_of_draws(channel, draw) as seconds
    from labelled_faces
    where whole_picture and answer in ('female', 'male')
),

marked as (
    select
        unnest(['all', channel]) as channel,
        answer,
        seconds,
        case when face_index is null then 0 else seconds end as seconds_found
    from weighted
),

recalls as (
    select
        channel,
        count(*) filter (where answer = 'female') as female_faces,
        count(*) filter (where answer = 'male') as male_faces,
        share(sum(seconds_found) filter (where answer = 'female'), sum(seconds) filter (where answer = 'female'))
            as recall_female,
        share(sum(seconds_found) filter (where answer = 'male'), sum(seconds) filter (where answer = 'male'))
            as recall_male
    from marked
    group by channel
),

shown as (
    select
        unnest(['all', channel]) as channel,
        female_face_seconds,
        male_face_seconds
    from rollup
),

sums as (
    select
        channel,
        sum(female_face_seconds) as women,
        sum(male_face_seconds) as men
    from shown
    where channel is not null
    group by channel
)

select
    sums.channel,
    coalesce(recalls.female_faces, 0) as female_faces,
    coalesce(recalls.male_faces, 0) as male_faces,
    coalesce(recalls.female_faces + recalls.male_faces, 0) as faces,
    recalls.recall_female,
    recalls.recall_male,
    share(sums.women, sums.women + sums.men) as share_female_face_time,
    share(
        share(sums.women, recalls.recall_female),
        share(sums.women, recalls.recall_female) + share(sums.men, recalls.recall_male)
    ) as share_recall_corrected,
    case
        when recalls.channel is null then 'no picture was marked whole'
        when recalls.female_faces = 0 then 'no woman was marked'
        when recalls.male_faces = 0 then 'no man was marked'
        when recalls.recall_female = 0 or recalls.recall_male = 0 then 'no face of one of them was found'
    end as reason
from sums
left join recalls on sums.channel = recalls.channel
order by sums.channel <> 'all', sums.channel
