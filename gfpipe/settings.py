"""What a site has chosen: where the archive and the lake are, how to sample, which models, when to run."""

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from gfpipe.errors import UsageError

DEFAULT_PATTERN = "{channel}/{date}/{time}_{programme}.{ext}"


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

    sampling: str = "keyframes"
    every_seconds: float = 1.0
    detector: str = "retinaface-mobilenet0.25"
    classifier: str = "champion"
    device: str = "auto"
    min_face: float = 24.0
    min_score: float = 0.9

    def __post_init__(self) -> None:
        if self.sampling not in ("keyframes", "exact"):
            raise UsageError(f"sampling is {self.sampling!r}; choose keyframes or exact")
        if not 0.04 <= self.every_seconds <= 3600:
            raise UsageError(f"every is {self.every_seconds:g} s; choose between 0.04 and 3600 seconds")
        if self.device not in ("auto", "cpu", "cuda"):
            raise UsageError(f"device is {self.device!r}; choose auto, cpu or cuda")
        if not 0 <= self.min_face <= 360:
            raise UsageError(f"min_face is {self.min_face:g}; choose between 0 and 360 lines")
        if not 0 < self.min_score < 1:
            raise UsageError(f"min_score is {self.min_score:g}; choose between 0 and 1")


@dataclass(frozen=True)
class Settings:
    """One site, as ``gfpipe.toml`` describes it.

    Attributes:
        archive: a folder of recordings, or a CSV or Parquet manifest.
        lake: the folder that the shards and the warehouse go to; object stores by URL.
        pattern: how the archive's paths are read.
        timezone: of starts that carry none, such as ``Europe/Paris``.
        workers: processes that analyse; 0 means one a core.
        scheduler: address of a Dask scheduler whose workers do the work instead.
        analyse_schedule, publish_schedule: cron lines, in the site's time zone.
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

    @property
    def order(self) -> dict[str, Any]:
        """What the analysis is told of the site: parameters of its flow, by name."""
        names = ("archive", "lake", "pattern", "timezone", "analysis", "workers", "scheduler")
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
    site = _known(Settings, given, str(path))
    for key in ("archive", "lake"):
        if key not in site:
            raise UsageError(f'{path}: {key} is missing; add a line {key} = "/where/it/is"')
        if "://" not in site[key]:
            site[key] = str(path.parent / Path(site[key]).expanduser())
    return replace(Settings(**site), analysis=Analysis(**analysis))


def _known(kind: type, given: dict[str, Any], where: str) -> dict[str, Any]:
    types = {field.name: field.type for field in fields(kind) if field.name != "analysis"}
    for key, value in given.items():
        if key not in types:
            raise UsageError(f"{where}: unknown key {key!r}; known are {', '.join(types)}")
        wanted: Any = types[key]
        if wanted is float and isinstance(value, int):
            given[key] = float(value)
        elif not isinstance(value, wanted) or isinstance(value, bool):
            raise UsageError(f"{where}: {key} is {value!r}, not a value of the kind {wanted}")
    return given
