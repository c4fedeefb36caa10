-- Recordings and time analysed, lost, failed and missing: one row per channel and local date. Seconds are sums over
-- recordings of known length; the others are counted separately.
select
    channel,
    air_date,
    count(*) filter (where status <> 'copy') as recordings,
    count(*) filter (where status = 'done') as done_recordings,
    count(*) filter (where status = 'partial') as partial_recordings,
    count(*) filter (where status = 'failed') as failed_recordings,
    count(*) filter (where status = 'rejected') as rejected_recordings,
    count(*) filter (where status = 'missing') as missing_recordings,
    count(*) filter (where status = 'copy') as copied_recordings,
    count(*) filter (where scheduled_seconds is null) as unknown_length_recordings,
    sum(scheduled_seconds) as scheduled_seconds,
    sum(analysed_seconds) as analysed_seconds,
    coalesce(sum(lost_seconds) filter (where status = 'partial'), 0) as lost_seconds,
    case
        when bool_or(status in ('failed', 'rejected'))
            then sum(scheduled_seconds) filter (where status in ('failed', 'rejected'))
        else 0
    end as failed_seconds,
    case
        when bool_or(status = 'missing') then sum(scheduled_seconds) filter (where status = 'missing')
        else 0
    end as missing_seconds,
    string_agg(distinct reason, '; ' order by reason) filter (where status <> 'done') as reasons
from recording_coverage
group by channel, air_date
order by channel, air_date
