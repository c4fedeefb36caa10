"""Intervals that a question excludes from the rollup; only the recordings that they overlap are aggregated again."""

from pathlib import Path
from typing import Final

from gfpipe.choices import DateOrder
from gfpipe.warehouse import Warehouse

_INTERVAL: Final = """
asof left join exclusions
    on
        on_air.channel = exclusions.channel
        and on_air.timezone = exclusions.timezone
        and on_air.aired_at >= exclusions.starts
"""


def apply(db: Warehouse, path: Path, dates: DateOrder | None) -> None:
    """Exclude the intervals of a CSV file; labels within them stay, as such that were not drawn."""
    from gfpipe.archive import annotations  # noqa: PLC0415

    zones = db.query("select distinct channel, timezone from recordings where timezone is not null").to_pylist()
    channels = [(row["channel"], row["timezone"]) for row in zones]
    db.lend("exclusions", annotations.exclusions(path, channels, dates))
    db.redefine(
        "touched",
        """
        select distinct recordings.recording_id
        from recordings
        inner join exclusions
            on
                recordings.channel = exclusions.channel
                and recordings.timezone = exclusions.timezone
                and recordings.started_at < exclusions.ends
                and recordings.started_at + to_seconds(recordings.analysed_seconds + recordings.lost_seconds)
                > exclusions.starts
        """,
    )
    db.redefine("untouched", "from compositions anti join touched using (recording_id)")
    db.redefine("before", "select recording_id, date, hour, analysed_seconds from rollup")
    db.redefine(
        "sample_compositions",
        f"""
        with on_air as (
            select sample_compositions.*, recordings.channel, recordings.timezone
            from sample_compositions
            inner join recordings using (recording_id)
            semi join touched using (recording_id)
        )

        select on_air.* exclude (channel, timezone)
        from on_air
        {_INTERVAL}
        where exclusions.ends is null or on_air.aired_at >= exclusions.ends
        """,
        ("sample_gender", "counted_samples", "compositions"),
    )
    db.redefine("compositions", "from compositions union all by name from untouched", ("rollup",))
    db.redefine(
        "excluded",
        """
        select recording_id, date, hour, before.analysed_seconds - rollup.analysed_seconds as excluded_seconds
        from before
        inner join rollup using (recording_id, date, hour)
        """,
    )
    db.redefine(
        "labelled_faces",
        f"""
        with on_air as (
            select labelled_faces.*, recordings.timezone
            from labelled_faces
            inner join recordings using (recording_id)
        )

        select on_air.* exclude (timezone) replace (
            case when exclusions.ends is null or on_air.aired_at >= exclusions.ends then on_air.aired_at end as aired_at
        )
        from on_air
        {_INTERVAL}
        """,
    )
