-- Face time under other ways of counting: one row per recording and variant. One pass groups the faces by everything
-- that a variant depends on; each variant weights the groups. Samples that a variant uses also represent those that
-- it skips.
with kinds as (
    select
        faces.recording_number,
        cast(faces.counted as integer) as counts,
        2 * cast(samples.sample_index % 2 = 0 as integer) as every_2nd,
        5 * cast(samples.sample_index % 5 = 0 as integer) as every_5th,
        cast(faces.height_360 >= 36 as integer) as from_36,
        cast(faces.height_360 >= 48 as integer) as from_48,
        faces.perceived_gender as published,
        faces.track_perceived_gender as tracked,
        case when faces.p_female >= 0.5 then 'female' else 'male' end as halved,
        case when faces.p_female >= 0.7 then 'female' when faces.p_female > 0.3 then 'undecided' else 'male' end
            as cautious,
        sum(samples.step_seconds) as seconds
    from classified_faces as faces
    inner join counted_samples as samples
        on faces.recording_number = samples.recording_number and faces.sample_index = samples.sample_index
    inner join recordings on faces.recording_number = recordings.recording_number
    cross join counting
    where
        faces.perceived_gender is not null
        and is_detected(faces.detector_score, recordings.sampling, counting.min_score)
    group by all
),

ways as (
    select
        recording_number,
        seconds,
        unnest( -- noqa: AL03
            [
                { 'place': 1, 'variant': 'as published', 'weight': counts, 'gender': published },
                { 'place': 2, 'variant': 'every 2nd sample', 'weight': counts * every_2nd, 'gender': published },
                { 'place': 3, 'variant': 'every 5th sample', 'weight': counts * every_5th, 'gender': published },
                { 'place': 4, 'variant': 'faces from 36 lines', 'weight': from_36, 'gender': published },
                { 'place': 5, 'variant': 'faces from 48 lines', 'weight': from_48, 'gender': published },
                { 'place': 6, 'variant': 'all faces found', 'weight': 1, 'gender': published },
                { 'place': 7, 'variant': 'undecided: none', 'weight': counts, 'gender': halved },
                { 'place': 8, 'variant': 'undecided: 0.3-0.7', 'weight': counts, 'gender': cautious },
                { 'place': 9, 'variant': 'over tracks', 'weight': counts, 'gender': tracked }
            ],
            recursive := true
        )
    from kinds
)

select
    recordings.recording_id,
    ways.recording_number,
    ways.place,
    ways.variant,
    coalesce(sum(ways.seconds * ways.weight) filter (where ways.gender = 'female'), 0) as female_face_seconds,
    coalesce(sum(ways.seconds * ways.weight) filter (where ways.gender = 'male'), 0) as male_face_seconds,
    coalesce(sum(ways.seconds * ways.weight) filter (where ways.gender = 'undecided'), 0) as undecided_face_seconds
from ways
inner join recordings on ways.recording_number = recordings.recording_number
group by all
