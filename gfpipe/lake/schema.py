"""Schemas of the lake's tables. Columns may be added; any other change is a new version.

Every row has the ``config_digest`` of the run that wrote it, so that rows of an interrupted run under another
configuration do not join.
"""

from datetime import UTC
from typing import Any, Final

import pyarrow as pa

from gfpipe.recording import Recording

VERSION: Final = 1


def _required(kind: pa.DataType, *names: str) -> list[pa.Field]:
    return [pa.field(name, kind, nullable=False) for name in names]


_UTC: Final = pa.timestamp("us", tz="UTC")
_KEY: Final = _required(pa.string(), "recording_id", "config_digest")
_FACE: Final = [*_KEY, *_required(pa.int32(), "sample_index", "face_index")]
_BOX: Final = _required(pa.float32(), "x1", "y1", "x2", "y2")  # pixels of the source frame

RECORDINGS: Final = pa.schema(
    [
        *_KEY,
        *_required(pa.string(), "path", "channel", "programme"),
        pa.field("started_at", _UTC, nullable=False),
        pa.field("timezone", pa.string(), nullable=False),  # IANA name or +HH:MM, for local hours and dates
        pa.field("scheduled_seconds", pa.float64()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("duration_seconds", pa.float64()),
        *_required(pa.float64(), "analysed_seconds", "lost_seconds"),
        pa.field("lost_ranges", pa.list_(pa.struct([("start_seconds", pa.float64()), ("end_seconds", pa.float64())]))),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("frame_seconds", pa.float64()),
        pa.field("codec", pa.string()),
        pa.field("container", pa.string()),
        *_required(pa.int64(), "sample_count", "face_count"),
        pa.field("sampling", pa.string(), nullable=False),
        pa.field("every_seconds", pa.float64(), nullable=False),
        *_required(pa.string(), "detector_id", "classifier_id"),
        *_required(pa.float64(), "decode_seconds", "detect_seconds", "chips_seconds"),
        *_required(pa.float64(), "classify_seconds", "write_seconds"),
        pa.field("analysed_at", _UTC, nullable=False),
        pa.field("gfpipe_version", pa.string(), nullable=False),
        pa.field("source_bytes", pa.int64()),
        pa.field("source_fingerprint", pa.string()),
        pa.field("min_score", pa.float64()),  # of the faces stored; null in shards of earlier versions
        pa.field("note", pa.string()),
        pa.field("failing_since", _UTC),  # first of the attempts on this content of the file; null if it is analysed
        pa.field("attempts", pa.int32()),  # analyses of this content that failed
    ]
)

# Columns of RECORDINGS that describe the file, which later runs on it copy.
VIDEO_COLUMNS: Final = ("lost_ranges", "width", "height", "frame_seconds", "codec", "container")

SAMPLES: Final = pa.schema(
    [
        *_KEY,
        pa.field("sample_index", pa.int32(), nullable=False),
        *_required(pa.float64(), "seconds", "step_seconds"),
        pa.field("aired_at", _UTC, nullable=False),
        pa.field("shot", pa.int32()),  # null if shots were not detected
        pa.field("face_count", pa.int32(), nullable=False),
    ]
)

FACES: Final = pa.schema(
    [
        *_FACE,
        *_BOX,
        pa.field("landmarks", pa.list_(pa.float32(), 10), nullable=False),  # x, y of eyes, nose, mouth corners
        pa.field("detector_score", pa.float32(), nullable=False),
        pa.field("height_360", pa.float32(), nullable=False),  # face height, the frame scaled to 360 lines
        pa.field("track_id", pa.int32()),  # null if it has none
    ]
)

ATTRIBUTES: Final = pa.schema(
    [
        *_FACE,
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("p_female", pa.float32(), nullable=False),
        pa.field("age_years", pa.float32()),
    ]
)

# Pictures of faces, stored only if configured, with one expiry per shard. Not in TABLES, because the warehouse must not
# contain copies of them.
CROPS: Final = pa.schema(
    [
        *_FACE,
        pa.field("track_id", pa.int32()),
        pa.field("jpeg", pa.binary(), nullable=False),
        *_required(pa.int32(), "width", "height"),  # pixels of the JPEG
        *_required(_UTC, "kept_at", "expires_at"),
    ]
)

# Recordings listed by the archive's folder or manifest, and rejected rows with their problems.
SCHEDULE: Final = pa.schema(
    [
        pa.field("recording_id", pa.string()),  # null for a rejected row
        pa.field("path", pa.string(), nullable=False),
        pa.field("channel", pa.string()),
        pa.field("programme", pa.string()),
        pa.field("started_at", _UTC),
        pa.field("timezone", pa.string()),
        pa.field("scheduled_seconds", pa.float64()),
        pa.field("problem", pa.string()),
        pa.field("problem_since", _UTC),  # first listing with a problem
        pa.field("seen_at", _UTC, nullable=False),
    ]
)

# Failed and rejected files that need no more attention, by path.
ACKNOWLEDGEMENTS: Final = pa.schema(
    [
        *_required(pa.string(), "path", "reason"),
        pa.field("source_fingerprint", pa.string()),  # of the file at that time; null if it could not be read
        pa.field("acknowledged_at", _UTC, nullable=False),
    ]
)

# Human answers about faces on screen. Without config_digest: answers are matched with the faces of any analysis.
LABELS: Final = pa.schema(
    [
        pa.field("recording_id", pa.string(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),  # moment labelled, from the start of the recording
        *_BOX,
        pa.field("answer", pa.string(), nullable=False),  # female, male, undecided or no_face
        pa.field("weight", pa.float64(), nullable=False),  # number of faces of the archive that it represents
        pa.field("annotator", pa.string()),
        pa.field("whole_picture", pa.bool_(), nullable=False),  # every face of the picture was labelled
        pa.field("queue", pa.string()),  # null if imported from a file
        pa.field("position", pa.int32()),  # in the queue; the faces of a frame share one
        pa.field("imported_at", _UTC, nullable=False),
    ]
)

# Segments of inaSpeechSegmenter.
SPEECH: Final = pa.schema(
    [
        pa.field("recording_id", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),  # female, male, music, noise or noEnergy
        *_required(pa.float64(), "start_seconds", "stop_seconds"),
        pa.field("imported_at", _UTC, nullable=False),
    ]
)

TABLES: Final = {
    "recordings": RECORDINGS,
    "samples": SAMPLES,
    "faces": FACES,
    "attributes": ATTRIBUTES,
    "schedule": SCHEDULE,
    "acknowledgements": ACKNOWLEDGEMENTS,
    "labels": LABELS,
    "speech": SPEECH,
}

# Tables that an analysis writes, one shard per recording, and makes again.
ANALYSED: Final = ("recordings", "samples", "faces", "attributes")
# Tables whose files have a checksum, and the index of them.
SEALED: Final = (*TABLES, "crops", "index")


def empty_shard(table: str) -> str:
    """Name within the lake of a shard with all columns and no rows; hidden, by Hive's conventions."""
    return f"{table}/v{VERSION}/_schema.parquet"


def remedy(table: str) -> str:
    """What to do about a damaged file of a table."""
    remedies = {
        "schedule": "run gfpipe analyse again, which lists the archive anew",
        "acknowledgements": "delete it, and repeat gfpipe acknowledge",
        "labels": "restore it from a backup, or delete it and import the labels again with gfpipe label import",
        "speech": "delete it and import the segments again with gfpipe speech import",
        "crops": "remove it with gfpipe purge",
        "index": "delete it; it is made again",
    }
    return remedies.get(table, "delete it, then run gfpipe analyse again" if table in ANALYSED else "delete it")


def wrong_columns(found: pa.Schema, table: str) -> list[str]:
    """Columns of a table that a file lacks or has as another kind of value; nullable ones may be missing."""
    expected = CROPS if table == "crops" else TABLES[table]
    required = {field.name for field in expected if not field.nullable}
    return [
        field.name
        for field in expected
        if (field.name in required and field.name not in found.names)
        or (field.name in found.names and _kind(found.field(field.name).type) != _kind(field.type))
    ]


def _kind(kind: pa.DataType) -> str:
    """The kind of a column's values, whatever their size: other programs choose other sizes."""
    types = pa.types
    if types.is_dictionary(kind):
        return _kind(kind.value_type)
    tests = (types.is_integer, types.is_floating, types.is_timestamp, types.is_boolean, types.is_nested)
    return next((test.__name__ for test in tests if test(kind)), "bytes" if "binary" in str(kind) else "text")


def recording_columns(recording: Recording) -> dict[str, Any]:
    """The columns that ``recordings`` and ``schedule`` have in common."""
    names = ("path", "channel", "programme", "timezone", "scheduled_seconds")
    return {name: getattr(recording, name) for name in names} | {"started_at": recording.start.astimezone(UTC)}
