"""Settings of a site: the file ``gfpipe.toml``, and environment variables that override its keys."""

import os
import re
import tomllib
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from gfpipe.base.limits import Limits
from gfpipe.base.validation import between, is_text, parse, validated
from gfpipe.choices import (
    DEFAULT_DETECTOR,
    DEFAULT_EVERY_SECONDS,
    DEFAULT_PATTERN,
    DateOrder,
    Decoder,
    Device,
    Sampling,
)
from gfpipe.counting import Counting
from gfpipe.errors import UsageError

PREFIX: Final = "GFPIPE_"

_NO_SETTINGS: Final = ("GFPIPE_MODELS", "GFPIPE_CACHE", "GFPIPE_SITE")  # read elsewhere
_PATHS: Final = ("archive", "lake", "guide")
_TERM: Final = re.compile(r"([1-9][0-9]{0,5}) ?([hdw])")
_UNIT: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST: Final = timedelta(days=366)
# A recording's crops are held in memory until its end; so many are some 150 MB.
_MOST_CROPS: Final = 10_000


@validated
class Analysis:
    """How a recording is analysed; the rows of two different configurations never share a shard.

    Attributes:
        sampling: which frames are analysed.
        every_seconds: the longest time that one sample represents, to within one frame.
        detector: id or folder of a face-detection model.
        classifier: id or folder of a perceived-gender model, or ``champion`` for the promoted one, which flows and
            commands resolve (:mod:`gfpipe.models.champion`) before a stage runs.
        device: where networks run; it does not change the results. ``openvino`` needs the extra of that name.
        decoder: decodes the sampling ``exact``. decord is used for progressive BT.601 pictures in MP4 and Matroska
            whose frames it shows at the same times as PyAV, with the same results for intact files; it overlooks
            damage.
        programme: number of the programme that is analysed of a transport stream with several; None: the first with
            video. Files with one programme, and of other containers, do not depend on it.
    """

    sampling: Sampling = Sampling.KEYFRAMES
    every_seconds: Annotated[float, between(0.04, 3600)] = DEFAULT_EVERY_SECONDS
    detector: str = DEFAULT_DETECTOR
    classifier: str = "champion"
    device: Device = Device.AUTO
    decoder: Decoder = Decoder.PYAV
    programme: Annotated[int, between(1, 65_535)] | None = None


def _term(text: str) -> timedelta:
    match = _TERM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a term; write 12h, 30d or 2w")
    term = int(match[1]) * _UNIT[match[2]]
    if term > _LONGEST:
        raise ValueError(f"{text} is too long; {_LONGEST.days}d is the longest term")
    return term


def _term_text(text: str) -> str:
    _term(text)
    return text


@validated
class CropRetention:
    """Which crops of faces an analysis stores, and for how long; the rows do not depend on it.

    Attributes:
        expires: term from the day of the analysis, such as ``12h``, ``30d`` or ``2w``; a year at most.
        per_track: most crops of one track.
        per_recording: most crops of one recording.
        per_day: most crops of one channel and day (UTC); a recording gets its share of the day.
        again: analyse finished recordings again that lack crops. A nightly analysis would then renew expired crops, so
            that the default in ``gfpipe.toml`` is false.
    """

    expires: Annotated[str, AfterValidator(_term_text)]
    per_track: Annotated[int, between(1, 100)] = 1
    per_recording: Annotated[int, between(1, _MOST_CROPS)] = 200
    per_day: Annotated[int, between(1, 1_000_000)] = 2000
    again: bool = True

    @property
    def term(self) -> timedelta:
        """How long crops are stored."""
        return _term(self.expires)


@validated
class Learning:
    """How the classifier is trained on the archive's crops once a month: parameters of the flow ``learn``.

    Attributes:
        data: labelled faces to train on beside the archive's own, NAME=PATH each.
        gate_data: labelled faces on which the gate decides.
        recipe: name of a recipe of gfpipe's, or path of a TOML file.
        threshold: least confidence of a face, ``|2p - 1|``.
        reestimate: reclassify the whole lake after a promotion; else figures break where the new model begins.
        schedule: a cron line, in the site's time zone.
    """

    data: Annotated[list[str], Field(min_length=1)]
    gate_data: Annotated[list[str], Field(min_length=1)]
    recipe: str = "pseudo-labels"
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.9
    reestimate: bool = False
    schedule: str = "0 2 1 * *"


def _zone(name: str | None) -> str | None:
    try:
        return name and ZoneInfo(name).key
    except (ZoneInfoNotFoundError, OSError) as exc:
        raise ValueError(f"{name!r} is not a time zone; write one such as Europe/Paris") from exc


@validated
class Settings:
    """The keys and tables of ``gfpipe.toml``.

    Attributes:
        archive: folder of recordings, or a manifest (CSV, XLSX or Parquet).
        lake: folder or URL of the shards and the warehouse.
        pattern: pattern of the archive's paths.
        timezone: time zone of start times that have none, and of the schedules, such as ``Europe/Paris``.
        dates: order of dates such as 01/03/2024 in a manifest that does not show it: ``day-first`` or ``month-first``.
        guide: programme guide (XMLTV or VDR's epg.data), a file or a folder of them, which names recordings without a
            programme.
        guide_timezone: time zone of the guide's times without an offset; UTC if it is not set.
        analysis: table ``[analysis]``.
        counting: table ``[counting]``: which faces count, when publishing and for crops.
        workers: worker processes; 0 means one a core.
        scheduler: address of a Dask scheduler, whose workers are used instead.
        limits: table ``[limits]``: what the work on one recording may take.
        analyse_schedule, publish_schedule, purge_schedule, compact_schedule: cron lines, or ``every N minutes``, of
            analysis, publishing, removal of expired crops, and compaction of the lake.
        crops: table ``[crops]``; None: no crops are stored.
        learn: table ``[learn]``; None: nothing is trained.
    """

    archive: str
    lake: str
    pattern: str = DEFAULT_PATTERN
    timezone: Annotated[str | None, AfterValidator(_zone)] = None
    dates: DateOrder | None = None
    guide: str | None = None
    guide_timezone: Annotated[str | None, AfterValidator(_zone)] = None
    analysis: Analysis = field(default_factory=Analysis)
    counting: Counting = field(default_factory=Counting)
    workers: Annotated[int, Field(ge=0)] = 0
    scheduler: str | None = None
    limits: Limits = field(default_factory=Limits)
    analyse_schedule: str = "0 3 * * *"
    publish_schedule: str = "0 6 * * *"
    purge_schedule: str = "0 1 * * *"
    compact_schedule: str = "0 12 * * 0"
    crops: CropRetention | None = None
    learn: Learning | None = None


def load(path: str | Path) -> Settings:
    """Read ``gfpipe.toml`` and the environment; a relative archive, lake or guide is relative to the file's folder.

    ``GFPIPE_LAKE`` overrides the key ``lake``, ``GFPIPE_ANALYSIS__DEVICE`` the key ``device`` of ``[analysis]``; values
    are written as in TOML, text without quotes. There relative paths are relative to the current folder.

    Raises:
        UsageError: there is no such file, it is not TOML, a key is missing or unknown, or a value is not valid.
    """
    values, variables = _file(Path(path)), environment()
    for name, (*tables, key) in variables.items():
        table = values
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise UsageError(f"{path}: {part} is not a table, but {name} is set")
        table[key] = _typed(os.environ[name], (*tables, key))
    for key in _PATHS:  # relative to the current folder if they are from the environment
        if isinstance(folder := values.get(key), str) and "://" not in folder:
            values[key] = str(Path(folder).expanduser().absolute())
    if isinstance(crops := values.get("crops"), dict):
        crops.setdefault("again", False)
    source = f"{path} with {', '.join(variables)}" if variables else str(path)
    return parse(Settings, values, source)


def origins(path: str | Path) -> dict[tuple[str, ...], str]:
    """Where each setting that is not a default comes from, by tables and key: the file or an environment variable."""
    values = _file(Path(path))
    tables: dict[tuple[str, ...], Any] = {(name,): table for name, table in values.items() if isinstance(table, dict)}
    named = {(): values} | tables
    in_file = {(*table, key): str(path) for table, content in named.items() for key in content}
    return in_file | {setting: name for name, setting in environment().items()}


def environment() -> dict[str, tuple[str, ...]]:
    """Environment variables that override settings, each with its tables and key."""
    return {
        name: tuple(name.removeprefix(PREFIX).lower().split("__"))
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in _NO_SETTINGS
    }


def _file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        folders = {key: values[key] for key in _PATHS if isinstance(values.get(key), str)}
        relative = {key: path.parent / Path(value).expanduser() for key, value in folders.items() if "://" not in value}
    except FileNotFoundError as exc:
        raise UsageError(f"{path}: no such file; write one with: gfpipe init") from exc
    except (OSError, ValueError, RuntimeError) as exc:  # RuntimeError: nested too deeply, or ~ of an unknown user
        raise UsageError(f"{path}: cannot be read as TOML: {exc}") from exc
    return values | {key: str(folder) for key, folder in relative.items()}


def _typed(text: str, path: tuple[str, ...]) -> Any:
    """The value of a variable: text if the setting is text, else as in TOML."""
    try:
        if not is_text(Settings, path):
            return tomllib.loads(f"value = {text}")["value"]
    except (TypeError, ValueError, RecursionError):  # an unknown key; text without quotes
        pass
    return text
