-- Screen time of everything scheduled or analysed, by local hour: one row per recording, date and hour. Every report
-- is a sum of these rows. Missing recordings have rows without analysed time.
with entries as materialized (
    select
        recording_coverage.*,
        case when recordings.status <> 'failed' then recordings.classifier_id end as model_id,
        row_number() over () as entry
    from recording_coverage
    left join recordings
        on recording_coverage.recording_id = recordings.recording_id and recording_coverage.status <> 'rejected'
    -- Files without a channel and copies are in coverage only.
    where recording_coverage.channel is not null and recording_coverage.status <> 'copy'
),

-- The quarters of an hour that an entry was to fill; of one whose length nobody knows, that in which it began.
quarters as (
    select
        entry,
        recording_id,
        timezone,
        epoch(started_at) + coalesce(scheduled_seconds, 0) as last_second,
        quarter_hour(started_at) as first_quarter,
        unnest(range(
            quarter_hour(started_at),
            greatest(
                cast(ceil((epoch(started_at) + coalesce(scheduled_seconds, 0)) / 900) as bigint),
                quarter_hour(started_at) + 1
            )
        )) as quarter_index,
        least(epoch(started_at) + coalesce(scheduled_seconds, 0), quarter_index * 900 + 900)
        - greatest(epoch(started_at), quarter_index * 900) as scheduled_seconds
    from entries
    where started_at is not null
),

-- Time of the schedule that counts in another recording.
elsewhere as (
    select
        quarters.entry,
        quarters.quarter_index,
        sum(greatest(
            least(epoch(counted_elsewhere.ends_at), quarters.last_second, quarters.quarter_index * 900 + 900)
            - greatest(epoch(counted_elsewhere.starts_at), quarters.quarter_index * 900),
            0
        )) as seconds
    from quarters
    inner join counted_elsewhere on quarters.recording_id = counted_elsewhere.recording_id
    group by quarters.entry, quarters.quarter_index
),

clock as (
    select
        timezone,
        quarter_index,
        local_time(timezone, to_timestamp(quarter_index * 900)) as aired_at_local
    from (select distinct timezone, quarter_index from quarters) as distinct_quarters -- noqa: ST05, LT09
),

scheduled as (
    select
        quarters.entry,
        cast(clock.aired_at_local as date) as date,
        cast(hour(clock.aired_at_local) as integer) as hour,
        bool_or(quarters.quarter_index = quarters.first_quarter) as begins,
        sum(quarters.scheduled_seconds - coalesce(elsewhere.seconds, 0)) as scheduled_seconds
    from quarters
    left join elsewhere
        on quarters.entry = elsewhere.entry and quarters.quarter_index = elsewhere.quarter_index
    inner join clock
        on quarters.timezone is not distinct from clock.timezone and quarters.quarter_index = clock.quarter_index
    group by all
    union all
    select
        entry,
        null as date,
        null as hour,
        true as begins,
        coalesce(scheduled_seconds, 0) as scheduled_seconds
    from entries
    where started_at is null
),

shown as (
    select
        recording_id,
        air_date as date,
        hour,
        sum(seconds) filter (where method = 'faces') as analysed_seconds,
        sum(seconds * female_faces) filter (where method = 'faces') as female_face_seconds,
        sum(seconds * male_faces) filter (where method = 'faces') as male_face_seconds,
        sum(seconds * undecided_faces) filter (where method = 'faces') as undecided_face_seconds,
        sum(seconds) filter (where method = 'faces' and female_faces > 0) as female_presence_seconds,
        sum(seconds) filter (where method = 'faces' and male_faces > 0) as male_presence_seconds,
        sum(seconds) filter (where method = 'faces' and undecided_faces > 0) as undecided_presence_seconds,
        sum(seconds) filter (where method = 'faces' and female_faces > 0 and male_faces = 0) as only_female_seconds,
        sum(seconds) filter (where method = 'faces' and female_faces = 0 and male_faces > 0) as only_male_seconds,
        sum(seconds) filter (where method = 'faces' and female_faces > 0 and male_faces > 0) as both_seconds,
        sum(seconds) filter (where method = 'faces' and composition > 0 and female_faces + male_faces = 0)
            as only_undecided_seconds,
        sum(seconds) filter (where method = 'faces' and composition = 0) as no_face_seconds,
        sum(seconds * female_faces) filter (where method = 'tracks') as tracked_female_face_seconds,
        sum(seconds * male_faces) filter (where method = 'tracks') as tracked_male_face_seconds,
        sum(seconds * undecided_faces) filter (where method = 'tracks') as tracked_undecided_face_seconds,
        sum(expected_female_face_seconds) as expected_female_face_seconds,
        sum(expected_female_presence_seconds) as expected_female_presence_seconds,
        sum(expected_male_presence_seconds) as expected_male_presence_seconds
    from compositions
    group by recording_id, air_date, hour
),

-- A recording may have been on air in hours for which it was not scheduled.
on_air as (
    select
        entries.entry,
        shown.*
    from shown
    inner join entries on shown.recording_id = entries.recording_id and entries.status <> 'rejected'
)

select
    entries.recording_id,
    entries.path,
    entries.channel,
    entries.programme,
    entries.model_id,
    coalesce(scheduled.date, on_air.date) as date,
    strftime(coalesce(scheduled.date, on_air.date), '%G-W%V') as week,
    strftime(coalesce(scheduled.date, on_air.date), '%Y-%m') as month,
    cast(isodow(coalesce(scheduled.date, on_air.date)) as integer) as weekday,
    coalesce(scheduled.hour, on_air.hour) as hour,
    coalesce(scheduled.begins, false) as begins,
    coalesce(scheduled.begins, false) and entries.scheduled_seconds is null as unknown_length,
    coalesce(scheduled.scheduled_seconds, 0) as scheduled_seconds,
    coalesce(on_air.analysed_seconds, 0) as analysed_seconds,
    coalesce(on_air.female_face_seconds, 0) as female_face_seconds,
    coalesce(on_air.male_face_seconds, 0) as male_face_seconds,
    coalesce(on_air.undecided_face_seconds, 0) as undecided_face_seconds,
    coalesce(on_air.female_presence_seconds, 0) as female_presence_seconds,
    coalesce(on_air.male_presence_seconds, 0) as male_presence_seconds,
    coalesce(on_air.undecided_presence_seconds, 0) as undecided_presence_seconds,
    coalesce(on_air.only_female_seconds, 0) as only_female_seconds,
    coalesce(on_air.only_male_seconds, 0) as only_male_seconds,
    coalesce(on_air.both_seconds, 0) as both_seconds,
    coalesce(on_air.only_undecided_seconds, 0) as only_undecided_seconds,
    coalesce(on_air.no_face_seconds, 0) as no_face_seconds,
    coalesce(on_air.tracked_female_face_seconds, 0) as tracked_female_face_seconds,
    coalesce(on_air.tracked_male_face_seconds, 0) as tracked_male_face_seconds,
    coalesce(on_air.tracked_undecided_face_seconds, 0) as tracked_undecided_face_seconds,
    coalesce(on_air.expected_female_face_seconds, 0) as expected_female_face_seconds,
    coalesce(on_air.expected_female_presence_seconds, 0) as expected_female_presence_seconds,
    coalesce(on_air.expected_male_presence_seconds, 0) as expected_male_presence_seconds
from scheduled
full outer join on_air
    on
        scheduled.entry = on_air.entry
        and scheduled.date is not distinct from on_air.date
        and scheduled.hour is not distinct from on_air.hour
inner join entries on coalesce(scheduled.entry, on_air.entry) = entries.entry
