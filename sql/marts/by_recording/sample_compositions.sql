-- Counted faces of each sample as compositions: one row per sample, including samples without faces. A composition
-- holds 99 faces of a kind; only the first 99 faces of a sample count.
with counted as (
    select
        recording_number,
        sample_index,
        size,
        counted and face_index < 99 as is_counted,
        case when is_counted then perceived_gender end as gender,
        case when is_counted then track_perceived_gender end as track_gender,
        case when is_counted and perceived_gender is not null then p_female end as p_female
    from classified_faces
),

by_sample as (
    select
        recording_number,
        sample_index,
        count(*) as faces,
        composition(size, gender) as composition,
        composition(size, track_gender) as tracked_composition,
        sum(p_female) as expected_female_faces,
        product(1 - bounded_probability(p_female)) as no_female_probability,
        product(bounded_probability(p_female)) as no_male_probability
    from counted
    group by recording_number, sample_index
)

select
    samples.recording_id,
    samples.recording_number,
    samples.sample_index,
    samples.seconds,
    samples.step_seconds,
    samples.aired_at,
    samples.shot,
    samples.face_count,
    cast(coalesce(by_sample.faces, 0) as integer) as faces,
    coalesce(by_sample.composition, 0) as composition,
    coalesce(by_sample.tracked_composition, 0) as tracked_composition,
    coalesce(by_sample.expected_female_faces, 0) as expected_female_faces,
    coalesce(by_sample.no_female_probability, 1) as no_female_probability,
    coalesce(by_sample.no_male_probability, 1) as no_male_probability
from samples
left join by_sample
    on
        samples.recording_number = by_sample.recording_number
        and samples.sample_index = by_sample.sample_index
