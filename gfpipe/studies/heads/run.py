"""Classical heads on what a frozen network makes of faces: "ArcFace knows the gender, too!" (Farzaneh 2021).

a benchmark -> parts by hash -> every face embedded once -> each head fitted on train and validation -> the test faces

A network that has learned from the faces that heads are fitted on knows them better than new ones, and so will the
heads believe of its features; test faces that it has learned from are left out. Embeddings stay in memory.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.device import resolve_device
from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.faces import portraits
from gfpipe.progress import OnProgress, Progress, no_progress
from gfpipe.settings import Analysis
from gfpipe.studies.heads import classical, embedding
from gfpipe.studies.heads import tables as heads
from gfpipe.studies.heads.classical import Asked, Head
from gfpipe.studies.heads.embedding import Embedded, Embedder
from gfpipe.studies.heads.tables import OWN, Outcome, Row
from gfpipe.training.data import datasets, records, splits
from gfpipe.training.data.datasets import Dataset
from gfpipe.training.data.splits import Faces
from gfpipe.training.tables import Split

__all__ = ["Config", "Sample", "ask", "gather", "heads", "run"]


@dataclass(frozen=True)
class Config:
    """What to embed, and how.

    Attributes:
        embedder: as :func:`gfpipe.studies.heads.embedding.embedder` reads it.
        data: one benchmark, ``NAME=PATH`` or ``NAME:ADAPTER=PATH``.
        heads: names or families of :mod:`gfpipe.studies.heads.classical`; empty for all.
        unit: whether features are brought to length 1; None for the embedder's own way.
        split: shares of the faces, as recipes have them.
    """

    embedder: str
    data: str
    heads: tuple[str, ...] = ()
    unit: bool | None = None
    split: Split = field(default_factory=Split)
    detector: str = Analysis().detector
    device: str = Analysis().device


@dataclass(frozen=True, eq=False)
class Sample:
    """The faces of a benchmark, embedded once for all heads.

    Attributes:
        test: (N,) which faces are asked about; the others are fitted on.
        labels: of the N faces.
        found: their features.
        skipped: pictures that are not among the faces, each with the reason.
        seen: test faces left out because the network has learned from them.
    """

    embedder: Embedder
    data: str
    detector: str
    test: NDArray[np.bool_]
    labels: Labels
    found: Embedded
    skipped: tuple[tuple[str, str], ...]
    seen: int

    def trial(self, *answers: Answers) -> Trial:
        """What was said of the test faces."""
        return Trial(self.data, self.detector, self.labels[self.test], answers, self.skipped, self.seen)

    @property
    def own(self) -> Answers | None:
        """What the network itself says of the test faces; None where it says nothing."""
        return None if self.found.own is None else Answers(OWN, self.found.own[self.test].astype(np.float64))

    @property
    def learned(self) -> int:
        """How many faces heads are fitted on."""
        return int((~self.test & np.isfinite(self.found.features[:, 0])).sum())


def run(config: Config, on_progress: OnProgress = no_progress) -> Outcome:
    """Embed, fit and ask; told how far it is.

    Raises:
        UsageError: the data set cannot be found, is from broadcasts, labelled by a model, or leaves nothing to ask
            about; or there is no such head or embedder.
        ModelError: a model cannot be had.
    """
    chosen = classical.named(config.heads)
    sample = gather(config, on_progress)
    answers, rows = [], []
    if sample.own is not None:
        answers.append(sample.own)
        rows.append(Row(OWN, ""))
    for place, head in enumerate(chosen):
        on_progress(Progress(f"fitting {head.name}", place, len(chosen)))
        asked = ask(sample, head)
        answers.append(Answers(head.name, asked.p_female))
        seconds = asked.ask_seconds / max(int(sample.test.sum()), 1)
        rows.append(Row(head.name, head.family, asked.fit_seconds, seconds, head.published))
    pictures = len(sample.labels)
    return Outcome(
        embedder=config.embedder,
        dimensions=sample.embedder.dimensions,
        learned=sample.learned,
        picture_seconds=sample.found.seconds / pictures,
        network_seconds=sample.found.network_seconds / pictures,
        rows=tuple(rows),
        trial=sample.trial(*answers),
    )


def gather(config: Config, on_progress: OnProgress = no_progress) -> Sample:
    """Read, part and embed the faces; raises as :func:`run`."""
    device = resolve_device(config.device)
    data = datasets.read_to_measure(config.data)
    embedding.refuse_broadcasts(data)  # before hours of reading
    embedder = embedding.embedder(config.embedder, device, config.unit)
    faces = splits.distinct([data], on_progress)
    test = splits.parts(faces, config.split.validation, config.split.test) == "test"
    known = test & np.isin(faces.digests, embedder.seen)
    if not (test & ~known).any():
        raise UsageError(f"{data.name} leaves no test face that {config.embedder} has not learned from")
    return _embedded(config, data, faces, test, known, embedder, on_progress)


def ask(sample: Sample, head: Head) -> Asked:
    """Fit one head, and ask it about the test faces."""
    features, test = sample.found.features, sample.test
    return classical.fit_and_ask(head, features[~test], sample.labels.female[~test], features[test])


def _embedded(
    config: Config,
    data: Dataset,
    faces: Faces,
    test: NDArray[np.bool_],
    known: NDArray[np.bool_],
    embedder: Embedder,
    on_progress: OnProgress,
) -> Sample:
    kept = np.flatnonzero(~known)
    images = tuple(faces.images[place] for place in kept.tolist())
    detect = portraits.open_detector(config.detector, resolve_device(config.device))

    found = embedding.embed(embedder, replace(data, images=images), detect, on_progress)
    readable = np.ones(len(images), np.bool_)
    readable[[place for place, _ in found.unreadable]] = False
    skipped = [(each.name, each.reason) for each in (*data.skipped, *faces.skipped)]
    skipped += [(str(images[place]), reason) for place, reason in found.unreadable]
    labels = records.labels(images)
    return Sample(
        embedder,
        data.name,
        config.detector,
        test[kept][readable],
        labels[readable],
        replace(found, features=found.features[readable], own=None if found.own is None else found.own[readable]),
        tuple(skipped),
        int(known.sum()),
    )
