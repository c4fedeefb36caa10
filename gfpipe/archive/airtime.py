"""Local times of programmes, converted to moments; the only rule for hours that occur twice or never.

In the night that ends daylight saving time an hour occurs twice. Of the possible moments those are taken that follow
the programme listed before on the same channel, that make the programme shortest, and that are first, in this order.
In the night that begins it an hour is left out: times in it are refused.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import product
from typing import Final

from gfpipe.errors import UsageError
from gfpipe.recording import zone_name
from gfpipe.tables.times import Written

_DAY: Final = timedelta(days=1)


def moments(local: datetime, zone: tzinfo | None) -> list[datetime]:
    """The moments of a local time, in order: one, or two in an hour that occurs twice.

    Times with an offset are converted to the zone, if any.

    Raises:
        UsageError: there is no zone, or the time is in an hour that is left out.
    """
    if local.tzinfo is not None:
        return [local if zone is None else local.astimezone(zone)]
    if zone is None:
        raise UsageError(f"{local:%Y-%m-%d %H:%M} has no time zone; give one with --timezone Europe/Paris")
    both = [local.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    real = [moment for moment in both if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local]
    if not real:
        later, earlier = (moment.astimezone(UTC).astimezone(zone) for moment in both)
        raise UsageError(
            f"{local:%Y-%m-%d %H:%M} does not occur in {zone_name(earlier)}, as clocks are put forward then; if it is "
            f"{earlier:%H:%M}, write {earlier.isoformat()}, if it is {later:%H:%M}, write {later.isoformat()}"
        )
    return real[:1] if real[0].utcoffset() == real[-1].utcoffset() else real


def interval(
    start: datetime, ends: Sequence[datetime], zone: tzinfo | None, after: datetime | None = None
) -> tuple[datetime, datetime | None]:
    """Start and end of a programme.

    Args:
        start: local time, or with an offset.
        ends: the same for the end; several if its day is not known, none if it has none.
        zone: zone of local times, to which others are converted.
        after: end of the programme listed before on this channel.

    Raises:
        UsageError: a time has no zone or does not occur, or every end is before the start.
    """
    begins = moments(start, zone)
    earliest = float("-inf") if after is None else after.timestamp()  # datetimes of one zone compare as local times
    order = [(begin.timestamp() < earliest, begin.timestamp(), begin) for begin in begins]
    if not ends:
        return min(order)[-1], None
    stops = [moment for end in ends for moment in moments(end, zone)]
    pairs = [
        (overlaps, stop.timestamp() - seconds, seconds, begin, stop)
        for (overlaps, seconds, begin), stop in product(order, stops)
        if stop.timestamp() > seconds
    ]
    if not pairs:
        raise UsageError(f"the end {ends[0]:%Y-%m-%d %H:%M:%S} is not after the start {start:%Y-%m-%d %H:%M:%S}")
    return min(pairs)[-2:]


def ends_of(end: Written, start: datetime) -> list[datetime]:
    """The local times that an end may be: without a date, it is on the day of the start or on the next one."""
    if end.day is not None:
        return [end.on()]
    return [end.on(day) for day in (start.date(), start.date() + _DAY)]
