-- Time per composition of faces, by recording and local hour: one row per recording, date, hour, method and
-- composition. All figures of screen time, and their corrections, are sums of these rows.
with quarters as (
    select
        recording_number,
        quarter_hour(aired_at) as quarter_index,
        composition,
        tracked_composition,
        sum(step_seconds) as seconds,
        count(*) as samples,
        sum(step_seconds * expected_female_faces) as expected_female_face_seconds,
        sum(step_seconds * (1 - no_female_probability)) as expected_female_presence_seconds,
        sum(step_seconds * (1 - no_male_probability)) as expected_male_presence_seconds
    from counted_samples
    group by all
),

clock as (
    select
        played.recording_number,
        played.quarter_index,
        recordings.recording_id,
        local_time(recordings.timezone, to_timestamp(played.quarter_index * 900)) as aired_at_local
    from (select distinct recording_number, quarter_index from quarters) as played -- noqa: ST05, LT09
    inner join recordings on played.recording_number = recordings.recording_number
),

methods as (
    select
        recording_number,
        quarter_index,
        'faces' as method,
        composition,
        seconds,
        samples,
        expected_female_face_seconds,
        expected_female_presence_seconds,
        expected_male_presence_seconds
    from quarters
    union all by name
    select
        recording_number,
        quarter_index,
        'tracks' as method,
        tracked_composition as composition,
        seconds,
        samples
    from quarters
)

select
    clock.recording_id,
    clock.recording_number,
    cast(clock.aired_at_local as date) as air_date,
    cast(hour(clock.aired_at_local) as integer) as hour,
    methods.method,
    methods.composition,
    faces_in(methods.composition, 0) as female_faces,
    faces_in(methods.composition, 1) as male_faces,
    faces_in(methods.composition, 2) as undecided_faces,
    sum(methods.seconds) as seconds,
    cast(sum(methods.samples) as bigint) as samples,
    sum(methods.expected_female_face_seconds) as expected_female_face_seconds,
    sum(methods.expected_female_presence_seconds) as expected_female_presence_seconds,
    sum(methods.expected_male_presence_seconds) as expected_male_presence_seconds
from methods
inner join clock on methods.recording_number = clock.recording_number and methods.quarter_index = clock.quarter_index
group by all
