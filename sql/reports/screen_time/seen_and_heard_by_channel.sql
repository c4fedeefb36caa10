-- Time in which women and men are seen and heard, with women's shares of both: one row per channel.
with sums as (
    select
        channel,
        count(*) as recordings,
        sum(columns(* exclude (recording_id, channel, programme)))
    from seen_and_heard
    group by channel
)

select
    *,
    share(women_seen_seconds, women_seen_seconds + men_seen_seconds) as share_women_seen,
    share(women_heard_seconds, women_heard_seconds + men_heard_seconds) as share_women_heard
from sums
order by channel
