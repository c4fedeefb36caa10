"""What a site has chosen: where the archive and the lake are, how to sample, which models, when to run."""

import re
import tomllib
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from gfpipe.choices import Device, Sampling
from gfpipe.errors import UsageError
from gfpipe.recording import REFERENCE_LINES

DEFAULT_PATTERN = "{channel}/{date}/{time}_{programme}.{ext}"

LEAST_LABELS: Final = 200  # faces of an archive that people labelled, before a gate looks at them
_OWN_TABLES: Final = ("analysis", "keeping", "learning")
_TERM: Final = re.compile(r"([1-9][0-9]{0,5}) ?([hdw])")
_UNIT: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST: Final = timedelta(days=366)
# A recording's crops are held in memory until its end; so many are some 150 MB.
_MOST_CROPS: Final = 10_000


@dataclass(frozen=True)
class Analysis:
    """How one recording is turned into rows. Two analyses that differ here never share a shard.

    Attributes:
        sampling: ``keyframes`` or ``exact``.
        every_seconds: at most this much time is represented by one sample (to within one frame).
        detector: id of a face-detection model, or a folder that holds one.
        classifier: id of a perceived-gender model, or a folder that holds one; ``champion`` is what was promoted, and
            becomes that model's id where a flow or command begins (:mod:`gfpipe.models.champion`): stages never see it.
        device: ``auto``, ``cpu`` or ``cuda``; does not change what is found.
        min_face: faces lower than this many lines, the picture scaled to 360, are kept but not counted.
        min_score: detections the detector is less sure of are no faces.
    """

    sampling: str = Sampling.KEYFRAMES
    every_seconds: float = 1.0
    detector: str = "retinaface-mobilenet0.25"
    classifier: str = "champion"
    device: str = Device.AUTO
    min_face: float = 24.0
    min_score: float = 0.9

    def __post_init__(self) -> None:
        if self.sampling not in tuple(Sampling):
            raise UsageError(f"sampling is {self.sampling!r}; choose keyframes or exact")
        if not 0.04 <= self.every_seconds <= 3600:
            raise UsageError(f"every is {self.every_seconds:g} s; choose between 0.04 and 3600 seconds")
        if self.device not in tuple(Device):
            raise UsageError(f"device is {self.device!r}; choose auto, cpu or cuda")
        if not 0 <= self.min_face <= REFERENCE_LINES:
            raise UsageError(f"min_face is {self.min_face:g}; choose between 0 and {REFERENCE_LINES} lines")
        if not 0 < self.min_score < 1:
            raise UsageError(f"min_score is {self.min_score:g}; choose between 0 and 1")


@dataclass(frozen=True)
class Keeping:
    """Which crops of faces an analysis keeps, and how long. Rows do not depend on it, so it is no part of their digest.

    Attributes:
        expires: for how long from the day of the analysis: ``12h``, ``30d`` or ``2w``, a year at most.
        per_track: at most so many of one track.
        per_recording: at most so many of one recording.
        per_day: at most so many of one channel and day (UTC); a recording gets the share of it that is its share of
            the day.
        again: analyse also recordings that are finished but lack crops. Where that is done every night, crops never
            go: what expired is kept anew. In ``gfpipe.toml`` it is therefore off unless switched on.
    """

    expires: str
    per_track: int = 1
    per_recording: int = 200
    per_day: int = 2000
    again: bool = True

    def __post_init__(self) -> None:
        _term(self.expires)
        for name, least, most in (("per_track", 1, 100), ("per_recording", 1, _MOST_CROPS), ("per_day", 1, 1_000_000)):
            if not least <= (given := getattr(self, name)) <= most:
                raise UsageError(f"crops {name} is {given}; choose between {least} and {most:,}")

    @property
    def term(self) -> timedelta:
        """How long crops may be kept."""
        return _term(self.expires)


@dataclass(frozen=True)
class Learning:
    """How the site's classifier learns from its own archive, once a month; parameters of the flow ``learn``.

    Attributes:
        data: labelled faces to learn from beside the archive's own, named as the recipe names them.
        gate_data: labelled faces on which the gate decides.
        recipe: one of gfpipe's by name, or a TOML file.
        threshold: how sure the model must be of a face, ``|2p - 1|``.
        reestimate: read all of the lake again under a model that was promoted; else figures break where it begins.
        schedule: a cron line, in the site's time zone.
    """

    data: tuple[str, ...]
    gate_data: tuple[str, ...]
    recipe: str = "pseudo-labels"
    threshold: float = 0.9
    reestimate: bool = False
    schedule: str = "0 2 1 * *"

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 1:
            raise UsageError(f"learn threshold is {self.threshold:g}; choose between 0 and below 1")
        for name in ("data", "gate_data"):
            if not getattr(self, name):
                raise UsageError(f"learn {name} is empty: name at least one set of labelled faces, NAME=PATH")


@dataclass(frozen=True)
class Settings:
    """One site, as ``gfpipe.toml`` describes it.

    Attributes:
        archive: a folder of recordings, or a CSV or Parquet manifest.
        lake: the folder that the shards and the warehouse go to; object stores by URL.
        pattern: how the archive's paths are read.
        timezone: of starts that carry none, such as ``Europe/Paris``.
        keeping: crops of faces that are kept; None for none at all.
        learning: what the classifier learns from them; None for nothing.
        workers: processes that analyse; 0 means one a core.
        scheduler: address of a Dask scheduler whose workers do the work instead.
        analyse_schedule, publish_schedule, purge_schedule: cron lines, in the site's time zone; expired crops are
            removed by the last, where crops are kept.
    """

    archive: str
    lake: str
    pattern: str = DEFAULT_PATTERN
    timezone: str | None = None
    analysis: Analysis = Analysis()
    workers: int = 0
    scheduler: str | None = None
    analyse_schedule: str = "0 3 * * *"
    publish_schedule: str = "0 6 * * *"
    purge_schedule: str = "0 1 * * *"
    keeping: Keeping | None = None
    learning: Learning | None = None

    @property
    def job(self) -> dict[str, Any]:
        """Parameters of the flow `analyse`, by name."""
        names = ("archive", "lake", "pattern", "timezone", "analysis", "workers", "scheduler", "keeping")
        return {name: getattr(self, name) for name in names}


def load(path: str | Path) -> Settings:
    """Read ``gfpipe.toml``; relative archive and lake folders are taken from where the file lies.

    Raises:
        UsageError: no such file, not TOML, a missing or unknown key, or a value out of range.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            given = tomllib.load(file)
    except FileNotFoundError as exc:
        raise UsageError(f"{path}: no such file; write one as deploy/gfpipe.toml shows") from exc
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise UsageError(f"{path}: cannot be read as TOML: {exc}") from exc
    analysis = _known(Analysis, given.pop("analysis", {}), f"{path}: [analysis]")
    crops, learn = given.pop("crops", None), given.pop("learn", None)
    site = _known(Settings, given, str(path))
    for key in ("archive", "lake"):
        if key not in site:
            raise UsageError(f'{path}: {key} is missing; add a line {key} = "/where/it/is"')
        if "://" not in site[key]:
            site[key] = str(path.parent / Path(site[key]).expanduser())
    keeping = None if crops is None else _keeping(crops, f"{path}: [crops]")
    learning = None if learn is None else _learning(learn, f"{path}: [learn]")
    return replace(Settings(**site), analysis=Analysis(**analysis), keeping=keeping, learning=learning)


def _keeping(given: dict[str, Any], where: str) -> Keeping:
    if isinstance(given, dict) and "expires" not in given:
        raise UsageError(f'{where}: expires is missing: no crop is kept without a date; add a line expires = "30d"')
    return Keeping(**{"again": False} | _known(Keeping, given, where))


def _learning(given: dict[str, Any], where: str) -> Learning:
    sets: dict[str, tuple[str, ...]] = {}
    for name in ("data", "gate_data"):
        value = given.pop(name, None) if isinstance(given, dict) else None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise UsageError(f'{where}: {name} is missing, or no list; add a line {name} = ["utkface=/data/UTKFace"]')
        sets[name] = tuple(value)
    return Learning(sets["data"], sets["gate_data"], **_known(Learning, given, where))


def _term(text: str) -> timedelta:
    """Read ``12h``, ``30d`` or ``2w``."""
    found = _TERM.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no term: say how long crops may be kept as 12h, 30d or 2w")
    term = int(found[1]) * _UNIT[found[2]]
    if term > _LONGEST:
        raise UsageError(f"crops may not be kept for {text}: {_LONGEST.days}d is the longest term")
    return term


def _known(kind: type, given: dict[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise UsageError(f"{where}: {given!r} is not a table of settings")
    types = {field.name: field.type for field in fields(kind) if field.name not in _OWN_TABLES}
    for key, value in given.items():
        if key not in types:
            raise UsageError(f"{where}: unknown key {key!r}; known are {', '.join(types)}")
        wanted: Any = types[key]
        if wanted is float and isinstance(value, int):
            given[key] = float(value)
        elif not isinstance(value, wanted) or isinstance(value, bool) is not (wanted is bool):
            raise UsageError(f"{where}: {key} is {value!r}, not a value of the kind {wanted}")
    return given
