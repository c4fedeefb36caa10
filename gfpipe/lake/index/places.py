"""Places of shards within a lake: Hive folders by channel and month of air time (UTC)."""

import hashlib
import re
from datetime import UTC
from typing import Final
from urllib.parse import quote

from gfpipe.lake import schema
from gfpipe.lake.storage import Storage, is_shard
from gfpipe.recording import Recording

_LONGEST_CHANNEL: Final = 200  # characters of a folder, where 255 are the most
_OF_A_RECORDING: Final = re.compile(r"-\d{8}T\d{6}Z-")  # in its id, which is unique across channels


def speech_place(recording_id: str) -> tuple[str, ...]:
    """Path of the speech segments of a recording within the lake."""
    return "speech", f"v{schema.VERSION}", f"{recording_id}.parquet"


def place(table: str, recording: Recording) -> tuple[str, ...]:
    """Path of a shard within the lake: Hive folders by channel and month of air time (UTC).

    ``recordings`` has a column ``channel``, and pandas and Spark accept no Hive key that is also a column.
    """
    month = f"month={recording.start.astimezone(UTC):%Y-%m}"
    return (*channel_folder(table, recording.channel), month, f"{recording.recording_id}.parquet")


def channel_folder(table: str, channel: str) -> tuple[str, ...]:
    """Path of the folder of a channel's months within the lake."""
    root = (table, f"v{schema.VERSION}")
    return root if table == "recordings" else (*root, f"channel={_folder(channel)}")


def settle(lake: str) -> Storage:
    """Open the lake; shards of ``recordings`` that earlier versions wrote to folders by channel are moved."""
    storage, root = Storage(lake), ("recordings", f"v{schema.VERSION}")
    for channel in storage.folders(*root):
        if channel.startswith("channel="):
            for name in storage.files(*root, channel):
                *_, month, file = name.split("/")
                if is_shard(name) and _OF_A_RECORDING.search(file):
                    storage.move(name, "/".join((*root, month, file)))
            storage.prune(*root, channel)
    return storage


def _folder(channel: str) -> str:
    """A channel's name as that of a folder, which may have 255 bytes: long names are cut, with a digest."""
    name = quote(channel, safe="")
    if len(name) <= _LONGEST_CHANNEL:
        return name
    return f"{name[:_LONGEST_CHANNEL]}~{hashlib.blake2b(channel.encode(), digest_size=8).hexdigest()}"
