"""A lake of three recordings, two of them analysed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.warehouse.lakes import Show, write_schedule, write_show

NOON = datetime(2024, 3, 7, 12, 0, tzinfo=UTC)
NORTH = "/archive/north/2024-03-07/1900_news.mp4"
SOUTH = "/archive/south/2024-03-07/1900_news.mp4"
LATER = "/archive/south/2024-03-08/2200_talk.ts"
SECONDS = 60.0


def lake(folder: Path) -> str:
    """Two analysed minutes of 1920 × 1080, and a scheduled programme."""
    for channel, path in (("north", NORTH), ("south", SOUTH)):
        metadata = {"path": path, "width": 1920, "height": 1080}
        write_show(folder, Show(channel, "news", NOON, [(1.0, [])] * int(SECONDS), changes=metadata))
    scheduled = {"channel": "south", "programme": "talk", "started_at": NOON + timedelta(days=1)}
    write_schedule(folder, {"path": LATER, "recording_id": "south-talk", **scheduled})
    return str(folder)


def recording_id(channel: str) -> str:
    """The recording id of a channel's news."""
    return Show(channel, "news", NOON).recording_id


def written(folder: Path, *lines: str) -> Path:
    """Write the CSV of one programme."""
    file = folder / "programme.csv"
    file.write_text("\n".join(lines) + "\n")
    return file
