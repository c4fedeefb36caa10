"""Classical heads on features of a frozen network: "ArcFace knows the gender, too!" (Farzaneh 2021).

a benchmark -> splits by hash -> every face embedded once -> each head fitted on train and validation -> the test faces

Test faces that the network has learned from are left out: the heads would predict them better than new faces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.device import resolve_device
from gfpipe.base.arrays import array_dataclass
from gfpipe.base.progress import Progress
from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.faces import portraits
from gfpipe.studies.heads import classical, embedding, tables
from gfpipe.studies.heads.classical import Fitted, Head
from gfpipe.studies.heads.embedding import Embedded, Embedder
from gfpipe.studies.heads.tables import OWN, Outcome, Row
from gfpipe.studies.runner import Report, Study
from gfpipe.training.data import datasets, records, splits
from gfpipe.training.run.folder import data_paths
from gfpipe.training.tables import Split


@array_dataclass
class Sample:
    """N faces of a benchmark, embedded once for all heads.

    Attributes:
        test: (N,) mask of the test faces; heads are fitted on the others.
        skipped: pictures left out, with the reason.
        seen: test faces left out because the network has learned from them.
    """

    embedder: Embedder
    data: str
    detector: str
    test: NDArray[np.bool_]
    labels: Labels
    embedded: Embedded
    skipped: tuple[tuple[str, str], ...]
    seen: int

    def trial(self, *answers: Answers) -> Trial:
        """The trial of predictions for the test faces."""
        return Trial(self.data, self.detector, self.labels[self.test], answers, self.skipped, self.seen)

    @property
    def learned(self) -> int:
        """Number of faces that heads are fitted on."""
        return int((~self.test & np.isfinite(self.embedded.features[:, 0])).sum())

    def fit(self, head: Head) -> Fitted:
        """Fit a head, and predict the test faces."""
        features, learned = self.embedded.features, ~self.test
        return classical.fit(head, features[learned], self.labels.female[learned], features[self.test])


@dataclass(frozen=True)
class Heads(Study[Outcome]):
    """Fit each head on one embedding.

    Attributes:
        embedder: as :func:`gfpipe.studies.heads.embedding.embedder` takes it.
        data: one benchmark, ``NAME=PATH`` or ``NAME:FORM=PATH``.
        heads: names or families of :mod:`gfpipe.studies.heads.classical`; empty for all.
        unit: scale features to length 1; None for the embedder's default.
        split: shares of the faces, as in recipes.
    """

    embedder: str
    data: str
    heads: tuple[str, ...] = ()
    unit: bool | None = None
    split: Split = field(default_factory=Split)

    @property
    def about(self) -> Mapping[str, Any]:
        """Embedder, scale of features, data and detector; other heads may follow."""
        card = embedding.stored_card(self.embedder)
        return {
            "embedder": card.sha256 if card else self.embedder,
            "scale of features": self.unit,
            "data": data_paths((self.data,)),
            "detector": self.detector,
        }

    def measure(self) -> Outcome:
        """Embed all faces, fit the heads and predict the test faces.

        Raises:
            UsageError: the data set is missing, from broadcasts, labelled by a model, or has no test faces; or a head
                is unknown.
            ModelError: a model is not available.
        """
        heads, sample = classical.named(self.heads), self.sample()
        embedded, answers, rows = sample.embedded, [], []
        if embedded.own is not None:
            answers.append(Answers(OWN, embedded.own[sample.test].astype(np.float64)))
            rows.append(Row(OWN, ""))
        for index, head in enumerate(heads):
            self.on_progress(Progress(f"fitting {head.name}", index, len(heads)))
            fitted = sample.fit(head)
            answers.append(Answers(head.name, fitted.p_female))
            seconds = fitted.predict_seconds / max(int(sample.test.sum()), 1)
            rows.append(Row(head.name, head.family, fitted.fit_seconds, seconds, head.published))
        pictures = len(sample.labels)
        seconds_each = (embedded.seconds / pictures, embedded.network_seconds / pictures)
        trial = sample.trial(*answers)
        return Outcome(self.embedder, sample.embedder.dimensions, sample.learned, *seconds_each, tuple(rows), trial)

    def report(self, outcome: Outcome) -> Report:
        """One table; with a folder, two figures for each family of heads."""
        figures = tables.figures(outcome) if self.out else {}
        return Report.of("heads", [tables.table(outcome)], figures=figures, trial=outcome.trial)

    def sample(self) -> Sample:
        """Read, split and embed the faces; raises as :meth:`measure`."""
        device = resolve_device(self.device)
        data = datasets.read_to_measure(self.data)
        embedding.refuse_broadcasts(data)  # before hours of work
        embedder = embedding.embedder(self.embedder, device, self.unit)
        faces = splits.distinct([data], self.on_progress)
        test = splits.parts(faces, self.split.validation, self.split.test) == "test"
        seen = test & np.isin(faces.digests, embedder.seen)
        if not (test & ~seen).any():
            raise UsageError(f"{data.name} leaves no test face that {self.embedder} has not learned from")
        images = tuple(faces.images[index] for index in np.flatnonzero(~seen).tolist())
        detect = portraits.open_detector(self.detector, device)
        embedded = embedding.embed(embedder, replace(data, images=images), detect, self.on_progress)
        readable = np.ones(len(images), np.bool_)
        readable[[index for index, _ in embedded.unreadable]] = False
        own = None if embedded.own is None else embedded.own[readable]
        return Sample(
            embedder=embedder,
            data=data.name,
            detector=self.detector,
            test=test[~seen][readable],
            labels=records.labels(images)[readable],
            embedded=replace(embedded, features=embedded.features[readable], own=own),
            skipped=(
                *((picture.name, picture.reason) for picture in (*data.skipped, *faces.skipped)),
                *((str(images[index]), reason) for index, reason in embedded.unreadable),
            ),
            seen=int(seen.sum()),
        )
