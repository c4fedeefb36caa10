"""The lake's tables, column by column. Columns are only ever added; anything else is a new version.

Every row carries the ``config_digest`` of the run that wrote it, so that shards of two configurations
that were interrupted half-way can be told apart by a join and are never counted together.
"""

from datetime import UTC
from typing import Any, Final

import pyarrow as pa

from gfpipe.recording import Recording

VERSION: Final = 1

_KEY: Final = [
    pa.field("recording_id", pa.string(), nullable=False),
    pa.field("config_digest", pa.string(), nullable=False),
]
_UTC: Final = pa.timestamp("us", tz="UTC")

RECORDINGS: Final = pa.schema(
    [
        *_KEY,
        pa.field("path", pa.string(), nullable=False),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("programme", pa.string(), nullable=False),
        pa.field("started_at", _UTC, nullable=False),
        pa.field("timezone", pa.string(), nullable=False),  # IANA name or +HH:MM, for local hours and dates
        pa.field("scheduled_seconds", pa.float64()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("duration_seconds", pa.float64()),
        pa.field("analysed_seconds", pa.float64(), nullable=False),
        pa.field("lost_seconds", pa.float64(), nullable=False),
        pa.field("lost_ranges", pa.list_(pa.struct([("start_seconds", pa.float64()), ("end_seconds", pa.float64())]))),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("frame_seconds", pa.float64()),
        pa.field("codec", pa.string()),
        pa.field("container", pa.string()),
        pa.field("sample_count", pa.int64(), nullable=False),
        pa.field("face_count", pa.int64(), nullable=False),
        pa.field("sampling", pa.string(), nullable=False),
        pa.field("every_seconds", pa.float64(), nullable=False),
        pa.field("detector_id", pa.string(), nullable=False),
        pa.field("classifier_id", pa.string(), nullable=False),
        pa.field("decode_seconds", pa.float64(), nullable=False),
        pa.field("detect_seconds", pa.float64(), nullable=False),
        pa.field("chips_seconds", pa.float64(), nullable=False),
        pa.field("classify_seconds", pa.float64(), nullable=False),
        pa.field("write_seconds", pa.float64(), nullable=False),
        pa.field("analysed_at", _UTC, nullable=False),
        pa.field("gfpipe_version", pa.string(), nullable=False),
        pa.field("source_bytes", pa.int64()),
        pa.field("source_fingerprint", pa.string()),
        pa.field("min_score", pa.float64()),  # of the faces stored; null in shards of earlier versions
    ]
)

SAMPLES: Final = pa.schema(
    [
        *_KEY,
        pa.field("sample_index", pa.int32(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("step_seconds", pa.float64(), nullable=False),
        pa.field("aired_at", _UTC, nullable=False),
        pa.field("shot", pa.int32()),  # filled once shots are found; null means not looked for
        pa.field("face_count", pa.int32(), nullable=False),
    ]
)

FACES: Final = pa.schema(
    [
        *_KEY,
        pa.field("sample_index", pa.int32(), nullable=False),
        pa.field("face_index", pa.int32(), nullable=False),
        pa.field("x1", pa.float32(), nullable=False),  # pixels of the source frame
        pa.field("y1", pa.float32(), nullable=False),
        pa.field("x2", pa.float32(), nullable=False),
        pa.field("y2", pa.float32(), nullable=False),
        pa.field("landmarks", pa.list_(pa.float32(), 10), nullable=False),  # x, y of eyes, nose, mouth corners
        pa.field("detector_score", pa.float32(), nullable=False),
        pa.field("height_360", pa.float32(), nullable=False),  # face height, the frame scaled to 360 lines
        pa.field("track_id", pa.int32()),  # filled once tracks are found; null means not looked for
    ]
)

ATTRIBUTES: Final = pa.schema(
    [
        *_KEY,
        pa.field("sample_index", pa.int32(), nullable=False),
        pa.field("face_index", pa.int32(), nullable=False),
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("p_female", pa.float32(), nullable=False),
        pa.field("age_years", pa.float32()),
    ]
)

# Pictures of faces: only where a site asked for them, and never without a date of expiry. One shard a recording, one
# expiry a shard. No table of the warehouse: it must never hold a copy of them, so they are not among TABLES.
CROPS: Final = pa.schema(
    [
        *_KEY,
        pa.field("sample_index", pa.int32(), nullable=False),
        pa.field("face_index", pa.int32(), nullable=False),
        pa.field("track_id", pa.int32()),
        pa.field("jpeg", pa.binary(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),  # pixels of the JPEG
        pa.field("height", pa.int32(), nullable=False),
        pa.field("kept_at", _UTC, nullable=False),
        pa.field("expires_at", _UTC, nullable=False),
    ]
)

# What the archive holds by its folder or manifest, with what could not be scheduled and why:
# the floor under coverage, written before anything is decoded.
SCHEDULE: Final = pa.schema(
    [
        pa.field("recording_id", pa.string()),  # null where a row could not be understood
        pa.field("path", pa.string(), nullable=False),
        pa.field("channel", pa.string()),
        pa.field("programme", pa.string()),
        pa.field("started_at", _UTC),
        pa.field("timezone", pa.string()),
        pa.field("scheduled_seconds", pa.float64()),
        pa.field("problem", pa.string()),
        pa.field("seen_at", _UTC, nullable=False),
    ]
)

# What people said of faces on screen. Without a config_digest: an answer outlives the analysis, and is matched with
# whatever face stands there today.
LABELS: Final = pa.schema(
    [
        pa.field("recording_id", pa.string(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),  # the moment looked at, from the recording's start
        pa.field("x1", pa.float32(), nullable=False),  # pixels of the source frame
        pa.field("y1", pa.float32(), nullable=False),
        pa.field("x2", pa.float32(), nullable=False),
        pa.field("y2", pa.float32(), nullable=False),
        pa.field("answer", pa.string(), nullable=False),  # female, male, undecided or no_face
        pa.field("weight", pa.float64(), nullable=False),  # how many faces of the archive this one stands for
        pa.field("annotator", pa.string()),
        pa.field("whole_picture", pa.bool_(), nullable=False),  # every face of the picture was marked
        pa.field("queue", pa.string()),  # that asked for it; null where it came from a file
        pa.field("position", pa.int32()),  # … and where in it; a frame's faces share one
        pa.field("imported_at", _UTC, nullable=False),
    ]
)

# What inaSpeechSegmenter heard.
SPEECH: Final = pa.schema(
    [
        pa.field("recording_id", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),  # female, male, music, noise or noEnergy
        pa.field("start_seconds", pa.float64(), nullable=False),
        pa.field("stop_seconds", pa.float64(), nullable=False),
        pa.field("imported_at", _UTC, nullable=False),
    ]
)

TABLES: Final = {
    "recordings": RECORDINGS,
    "samples": SAMPLES,
    "faces": FACES,
    "attributes": ATTRIBUTES,
    "schedule": SCHEDULE,
    "labels": LABELS,
    "speech": SPEECH,
}


def recording_columns(recording: Recording) -> dict[str, Any]:
    """What ``recordings`` and ``schedule`` both say of a recording, by column."""
    return {
        "path": recording.path,
        "channel": recording.channel,
        "programme": recording.programme,
        "started_at": recording.start.astimezone(UTC),
        "timezone": recording.timezone,
        "scheduled_seconds": recording.scheduled_seconds,
    }
