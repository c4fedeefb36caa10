-- Time of recordings that another recording of their channel shows too, and that counts there unless overlaps count:
-- one row per interval. The preferred recording is the first or the longest; what it lost counts in the other.
-- Recordings that begin at midnight together and fit into one day do not overlap: their archive does not tell the time.
with timed as (
    select
        *,
        epoch(started_at) as first_second,
        epoch(started_at) + greatest(analysed_seconds + lost_seconds, coalesce(scheduled_seconds, 0)) as last_second,
        cast(started_at_local as time) = time '00:00:00'
        and count(*) over same_start > 1
        and sum(analysed_seconds + lost_seconds) over same_start <= 86400 as at_unknown_time
    from recordings
    where status <> 'failed'
    window same_start as (partition by channel, started_at)
),

ranked as (
    select
        timed.recording_number,
        timed.recording_id,
        timed.channel,
        timed.lost_ranges,
        timed.first_second,
        timed.last_second,
        timed.analysed_seconds + timed.lost_seconds as seconds,
        row_number() over (
            partition by timed.channel
            order by
                case when counting.overlapping = 'longest' then -timed.analysed_seconds end asc,
                timed.first_second asc,
                timed.analysed_seconds desc,
                timed.recording_id asc
        ) as preference
    from timed
    cross join counting
    where not timed.at_unknown_time
),

lost as (
    select
        recording_number,
        unnest(lost_ranges, recursive := true) -- noqa: AL03
    from ranked
    union all by name
    select
        recording_number,
        0 as start_seconds,
        0 as end_seconds
    from ranked
),

-- The time of each recording without what was lost, by hour, so that few pairs are compared.
shown as (
    select
        ranked.channel,
        ranked.preference,
        ranked.first_second + lost.end_seconds as from_second,
        ranked.first_second + lead(lost.start_seconds, 1, ranked.seconds) over (
            partition by ranked.recording_number order by lost.start_seconds asc, lost.end_seconds asc
        ) as to_second
    from ranked
    inner join lost on ranked.recording_number = lost.recording_number
),

shown_by_hour as (
    select
        *,
        unnest(range(cast(floor(from_second / 3600) as bigint), cast(floor(to_second / 3600) as bigint) + 1))
            as hour_index
    from shown
    where from_second < to_second
),

aired_by_hour as (
    select
        *,
        unnest(range(cast(floor(first_second / 3600) as bigint), cast(floor(last_second / 3600) as bigint) + 1))
            as hour_index
    from ranked
),

common as (
    select
        aired_by_hour.recording_number,
        aired_by_hour.recording_id,
        greatest(aired_by_hour.first_second, shown_by_hour.from_second, aired_by_hour.hour_index * 3600) as from_second,
        least(aired_by_hour.last_second, shown_by_hour.to_second, aired_by_hour.hour_index * 3600 + 3600) as to_second
    from aired_by_hour
    inner join shown_by_hour
        on
            aired_by_hour.channel = shown_by_hour.channel
            and aired_by_hour.hour_index = shown_by_hour.hour_index
            and aired_by_hour.preference > shown_by_hour.preference
            and aired_by_hour.first_second < shown_by_hour.to_second
            and aired_by_hour.last_second > shown_by_hour.from_second
),

reached as (
    select
        *,
        max(to_second) over (
            partition by recording_number
            order by from_second asc, to_second asc
            rows between unbounded preceding and 1 preceding
        ) as reached_before
    from common
    where from_second < to_second
),

numbered as (
    select
        *,
        count(*) filter (where reached_before is null or from_second > reached_before) over (
            partition by recording_number order by from_second asc, to_second asc
        ) as interval_number
    from reached
)

select
    recording_number,
    recording_id,
    to_timestamp(min(from_second)) as starts_at,
    to_timestamp(max(to_second)) as ends_at
from numbered
group by recording_number, recording_id, interval_number
