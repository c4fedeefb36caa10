"""A lake that knows three recordings, two of which were analysed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.warehouse.lakes import Show, write_schedule, write_show

NOON = datetime(2024, 3, 7, 12, 0, tzinfo=UTC)
NORTH = "/archive/north/2024-03-07/1900_news.mp4"
SOUTH = "/archive/south/2024-03-07/1900_news.mp4"
LATER = "/archive/south/2024-03-08/2200_talk.ts"
SECONDS = 60.0


def lake(folder: Path) -> str:
    """Two analysed minutes of 1920 × 1080, and a programme that is only scheduled."""
    for channel, path in (("north", NORTH), ("south", SOUTH)):
        facts = {"path": path, "width": 1920, "height": 1080}
        write_show(folder, Show(channel, "news", NOON, [(1.0, [])] * int(SECONDS), changes=facts))
    scheduled = {"channel": "south", "programme": "talk", "started_at": NOON + timedelta(days=1)}
    write_schedule(folder, {"path": LATER, "recording_id": "south-talk", **scheduled})
    return str(folder)


def recording_id(channel: str) -> str:
    """How the lake calls the news of a channel."""
    return Show(channel, "news", NOON).recording_id
