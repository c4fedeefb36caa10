"""Parameters of the flows that train; apart from `recordings`, because the gate and curation import scikit-learn."""

from gfpipe.base.limits import Limits
from gfpipe.choices import LEAST_LABELS, Device
from gfpipe.counting import Counting
from gfpipe.curation.selection import Rules
from gfpipe.errors import UsageError
from gfpipe.evaluation.gate.non_inferiority import Margins
from gfpipe.flows.jobs.recordings import Job, ReclassifyJob
from gfpipe.settings import Analysis, Settings


class RetrainJob(Job):
    """Parameters of the flow `retrain`."""

    recipe: str
    """Name of a recipe of gfpipe's, or path of a TOML file."""
    data: list[str]
    """Labelled faces to train on, NAME=PATH each."""
    gate_data: list[str]
    """Labelled faces on which the gate decides; those that either model was trained on are left out."""
    model: str | None = None
    """Id of the new model; empty: name of the recipe and date."""
    out: str | None = None
    """Folder of the run; empty: runs/MODEL."""
    device: Device = Device.AUTO
    """auto, cpu or cuda."""
    detector: str = Analysis().detector
    """Face-detection model."""
    margins: Margins = Margins()
    """How much worse the new model may be, in percentage points."""
    begin_with: str | None = None
    """Model to start from, with its network, instead of the recipe's; `champion` for the current champion."""


class LearnJob(RetrainJob):
    """Parameters of the flow `learn`."""

    lake: str
    """Lake with stored crops; on this machine."""
    recipe: str = "pseudo-labels"
    """Name of a recipe of gfpipe's, or path of a TOML file; it has a data set `curated`."""
    begin_with: str | None = "champion"
    """Model to start from, with its network; empty: as the recipe says."""
    name: str | None = None
    """Name of the curated set; empty: the month."""
    rules: Rules = Rules(threshold_female=0.9, threshold_male=0.9)
    """Which faces are confident enough, and how they are balanced."""
    soft: bool = False
    """Train on the model's probabilities instead of hard labels."""
    least_labels: int = LEAST_LABELS
    """Labelled faces of the archive that the gate needs to use them."""
    counting: Counting = Counting()
    """Which faces count when the lake is published after a promotion."""
    reestimate: bool = False
    """Reclassify the whole lake and publish after a promotion; else the figures break where the new model begins."""
    workers: int = 0
    """Worker processes of the reclassification; 0: one a core."""
    scheduler: str | None = None
    """Address of a Dask scheduler, whose workers are used instead of processes on this machine."""
    limits: Limits = Limits()
    """What the reclassification of one recording may take."""

    def reclassification(self, classifier: str) -> ReclassifyJob:
        """The job that brings the whole lake under a promoted model."""
        shared = {name: getattr(self, name) for name in ("lake", "device", "workers", "scheduler", "limits")}
        return ReclassifyJob(classifier=classifier, **shared)

    @classmethod
    def of(cls, site: Settings) -> "LearnJob":
        """The job of a site.

        Raises:
            UsageError: the site does not train.
        """
        learn = site.learn
        if learn is None:
            raise UsageError("the site does not train: its settings have no table [learn]")
        return cls(
            lake=site.lake,
            data=learn.data,
            gate_data=learn.gate_data,
            recipe=learn.recipe,
            rules=Rules(threshold_female=learn.threshold, threshold_male=learn.threshold),
            counting=site.counting,
            reestimate=learn.reestimate,
            workers=site.workers,
            scheduler=site.scheduler,
            limits=site.limits,
        )
