"""Parameters of the flows that work on recordings."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from pydantic import BaseModel, ConfigDict, PrivateAttr

from gfpipe.archive import manifest
from gfpipe.archive.manifest import Manifest
from gfpipe.base.limits import Limits
from gfpipe.choices import DEFAULT_PATTERN, DateOrder, Device
from gfpipe.counting import Counting
from gfpipe.lake.index import earlier
from gfpipe.lake.provenance import Provenance
from gfpipe.models import champion
from gfpipe.recording import Summary
from gfpipe.settings import Analysis, CropRetention, Settings
from gfpipe.stages.analysis import analyse


class Job(BaseModel):
    """Base of flow parameters; the docstrings of the fields are their descriptions in Prefect's UI."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RecordingsJob(Job):
    """A lake, the recordings to work on, and the processes that do the work."""

    lake: str
    """Folder or URL of the Parquet shards."""
    since: date | None = None
    """First day, by the recordings' local time; empty: from the beginning."""
    until: date | None = None
    """Last day; empty: to the end."""
    channels: list[str] | None = None
    """Only these channels; empty: all."""
    workers: int = 0
    """Worker processes; 0: one a core."""
    scheduler: str | None = None
    """Address of a Dask scheduler, whose workers are used instead of processes on this machine."""
    limits: Limits = Limits()
    """What the work on one recording may take: time without progress, and memory."""

    def select(self, holdings: Manifest) -> Manifest:
        """Select the recordings of the job's days and channels.

        Raises:
            UsageError: none is left, or there is no such channel.
        """
        return holdings.between(self.since, self.until).on(self.channels)


class AnalysisJob(RecordingsJob):
    """Parameters of the flow `analyse`."""

    archive: str
    """Folder of recordings, a manifest (CSV, XLSX or Parquet), or one recording."""
    start: str | None = None
    """Start on air of an archive that is one recording; empty: as in its path."""
    pattern: str = DEFAULT_PATTERN
    """Pattern of the paths in a folder."""
    timezone: str | None = None
    """Time zone of start times that have none, such as Europe/Paris."""
    dates: DateOrder | None = None
    """Order of dates such as 01/03/2024 in a manifest that does not show it."""
    guide: str | None = None
    """Programme guide (XMLTV or VDR's epg.data), which names recordings without a programme."""
    guide_timezone: str | None = None
    """Time zone of the guide's times without an offset; empty: UTC."""
    analysis: Analysis = Analysis()
    """Sampling and models; `champion` is resolved when the run begins."""
    counting: Counting = Counting()
    """Which faces count: only these can be crops, and shards that lack some of them are written again."""
    crops: CropRetention | None = None
    """Which crops of faces are stored, and for how long; empty: none."""
    retry_failed: bool = False
    """Try failed recordings again that are not due yet."""
    _holdings: Manifest | None = PrivateAttr(None)

    @classmethod
    def of(cls, site: Settings) -> "AnalysisJob":
        """The job of a site: everything in its archive."""
        return cls(**{name: getattr(site, name) for name in cls.model_fields if hasattr(site, name)})

    def holdings(self) -> Manifest:
        """List the recordings of the archive. It is read once a job: by the command, and not again by its flow."""
        if self._holdings is None:
            self._holdings = manifest.read(
                self.archive,
                self.pattern,
                self.timezone,
                self.dates,
                self.guide,
                self.guide_timezone,
                channel=self.channels[0] if self.channels else None,
                start=self.start,
            )
        return self._holdings

    def finished(self, selected: Manifest, provenance: Provenance) -> Iterator[Summary | None]:
        """The summary of an earlier run for each of the selected recordings; None: there is work to do."""
        options = (self.crops, self.counting)
        yield from analyse.earlier(selected.recordings, self.lake, provenance, *options, retry_failed=self.retry_failed)


class ReclassifyJob(RecordingsJob):
    """Parameters of the flow `reclassify`."""

    classifier: str
    """Id or folder of a perceived-gender model, or `champion`."""
    device: Device = Device.AUTO
    """auto, cpu or cuda."""

    def holdings(self) -> Manifest:
        """List the recordings that the lake has an analysis of."""
        return Manifest(self.lake, tuple(earlier.analysed(self.lake)))

    @property
    def analysis(self) -> Analysis:
        """The analysis settings that matter to reclassification."""
        return Analysis(classifier=self.classifier, device=self.device)


def resolved(job: AnalysisJob | ReclassifyJob) -> Analysis:
    """The analysis settings of a job, with the champion's id: workers, wherever they are, and the lake know no other.

    Raises:
        ModelError: the champion is gone, or its weights are not the promoted ones.
    """
    return replace(job.analysis, classifier=champion.resolve(job.analysis.classifier))
