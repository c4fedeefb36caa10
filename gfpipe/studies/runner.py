"""Runner of studies: trains what is missing, measures, writes tables and figures.

OUT/study.json              what the study is about; another study in the same folder is refused
OUT/chips/SIZE-KEY/         chips that several trainings share, while they are needed
OUT/runs/MODEL/             a training, which resumes where it was interrupted
OUT/models/MODEL/           its model, of no use beyond the study
OUT/answers/                stored answers of models, keyed by models and faces

Trainings run one after the other: each uses all cores or the GPU by itself.
"""

import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import InputSpec
from gfpipe.base import files
from gfpipe.base.progress import OnProgress, no_progress
from gfpipe.choices import Device
from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.figures.plotting import save
from gfpipe.models import store
from gfpipe.output.drawing import Plan
from gfpipe.output.tables import Table, contents
from gfpipe.settings import Analysis
from gfpipe.stages.models import evaluate, train
from gfpipe.training.data import cutting, material
from gfpipe.training.data.splits import Faces
from gfpipe.training.recipe import Recipe
from gfpipe.training.run.folder import claim_study

T = TypeVar("T")


@dataclass(frozen=True)
class Training:
    """One training of a study.

    Attributes:
        row: row of the study that needs it.
        chip: input of its network; trainings of equal input share chips. None to cut its own.
    """

    row: str
    title: str
    config: train.Config
    chip: InputSpec | None

    @property
    def finished(self) -> bool:
        """Whether the model is there."""
        return self.config.folder.finished() is not None and (self.config.model_folder / store.CARD).is_file()


@dataclass(frozen=True)
class Report:
    """Tables and figures of a study.

    Attributes:
        text: for the terminal.
        texts: content by file name.
        figures: by file name without suffix; None is skipped.
        trial: written as ``answers.parquet``.
    """

    text: str
    texts: Mapping[str, str]
    figures: Mapping[str, Plan | None] = field(default_factory=dict)
    trial: Trial | None = None

    @classmethod
    def of(cls, stem: str, tables: Sequence[Table], closing: str = "", **others: Any) -> "Report":
        """The report of some tables; see :func:`gfpipe.output.tables.contents`."""
        texts = contents(tables, stem, closing)
        return cls(texts[f"{stem}.txt"].rstrip("\n"), texts, **others)

    def write(self, folder: Path) -> tuple[Path, ...]:
        """Write all files and return their paths; raises UsageError if the folder cannot be written."""
        paths = [folder / name for name in self.texts]
        try:
            for path, content in zip(paths, self.texts.values(), strict=True):
                files.write(path, content)
            if self.trial:
                paths.append(folder / "answers.parquet")
                self.trial.write(paths[-1])
            for name, figure in self.figures.items():
                paths += save(figure, folder, name) if figure else ()
        except OSError as exc:
            raise UsageError(f"{folder} cannot be written: {exc.strerror or exc}") from exc
        return tuple(paths)


@dataclass(frozen=True)
class Written(Generic[T]):
    """A finished study: its outcome, the text for the terminal, and the files written."""

    outcome: T
    text: str
    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Study(ABC, Generic[T]):
    """Declaration of a study, for :func:`run`.

    Attributes:
        out: folder of the study; None to write nothing.
        say: receives a line at the beginning of each training.
    """

    out: Path | None = None
    detector: str = Analysis().detector
    device: str = Device.AUTO
    on_progress: OnProgress = no_progress
    say: Callable[[str], None] = lambda _: None

    @property
    @abstractmethod
    def about(self) -> Mapping[str, Any]:
        """What must be the same to resume in a folder: plain values by words for a message."""

    @abstractmethod
    def measure(self) -> T:
        """Measure all models on the same faces."""

    @abstractmethod
    def report(self, outcome: T) -> Report:
        """Lay out tables and figures."""

    def claim(self) -> None:
        """Make the folder this study's own; raises UsageError if it holds another study or cannot be written."""
        if self.out:
            claim_study(self.out, self.about)

    def prepare(self) -> None:
        """Do what comes before the first training."""

    @property
    def trainings(self) -> Sequence[Training]:
        """All trainings in order, finished or not."""
        return ()

    @property
    def faces(self) -> Faces:
        """Faces that trainings may learn from, to be cut once."""
        raise NotImplementedError

    def attempt(self, _row: str) -> AbstractContextManager[None]:
        """Context of work for one row; a study may record an error instead of raising it."""
        return nullcontext()

    def plan(self) -> str:
        """List what is to be trained; nothing is trained."""
        due = [training for training in self.trainings if not training.finished]
        stages = self.trainings[0].config.recipe.stages
        shown = sum(stage.epochs * stage.epoch_faces for stage in stages)
        count = f"{len(due)} of {len(self.trainings)} trainings are not finished"
        return "\n".join([*(t.title for t in due), count + (f", each shown {shown:,} faces" if shown else "")])

    @property
    def folder(self) -> Path:
        """Folder of a study that stores files."""
        if self.out is None:
            raise UsageError("this study needs a folder: --out")
        return self.out

    def training(
        self, row: str, title: str, recipe: Recipe, data: tuple[str, ...], model_id: str, chip: InputSpec | None = None
    ) -> Training:
        """Declare a training; `chip` is the network's input where the recipe does not set it."""
        config = train.Config(
            recipe=recipe,
            data=data,
            out=self.folder / "runs" / model_id,
            model_id=model_id,
            device=self.device,
            detector=self.detector,
            models=self.folder / "models",
        )
        return Training(row, title, config, recipe.input.spec if recipe.input else chip)

    def answers(self, models: Sequence[str], data: Sequence[str], faces: str, **options: Any) -> tuple[Trial, ...]:
        """Evaluate models, or read the stored answers of the same models about the same faces.

        Args:
            models: ids or folders.
            data: data sets; a trial each.
            faces: digest of all faces and labels.
            options: of the evaluation.
        """
        key = material.digest(faces, [store.card(model).sha256 for model in models])[:16]
        folder = self.folder / "answers"
        paths = [folder / f"{name.partition('=')[0].partition(':')[0]}-{key}.parquet" for name in data]
        if all(path.is_file() for path in paths):
            return tuple(map(Trial.read, paths))
        config = evaluate.Config(tuple(models), tuple(data), self.detector, self.device, **options)
        trials = evaluate.run(config, self.on_progress)
        shutil.rmtree(folder, ignore_errors=True)  # of fewer models, or of other faces
        for path, trial in zip(paths, trials, strict=True):
            with files.replacing(path) as temporary:
                trial.write(temporary)
        return trials


def run(study: Study[T], *, keep_chips: bool = False) -> Written[T]:
    """Train what is missing, measure, write tables and figures, and delete the cut faces unless `keep_chips`.

    Raises:
        UsageError: the folder holds another study or cannot be written, or data are missing or unfit.
        ModelError: a model or the detector is not available.
    """
    study.claim()
    study.prepare()
    _train(study)
    outcome = study.measure()
    report = study.report(outcome)
    paths = report.write(study.out) if study.out else ()
    if study.out and not keep_chips:
        shutil.rmtree(study.out / "chips", ignore_errors=True)
    return Written(outcome, report.text, paths)


def _train(study: Study[Any]) -> None:
    """Train what is missing; chips are cut once for trainings of equal input."""
    trainings = study.trainings
    for training in trainings:
        with study.attempt(training.row):
            training.config.folder.refuse_another()  # also a finished one
    due = [training for training in trainings if not training.finished]
    shared = Counter((training.chip, training.config.face_detector) for training in due if training.chip)
    for number, training in enumerate(due, start=1):
        with study.attempt(training.row):
            study.say(f"[{number}/{len(due)}] {training.title}")
            config = training.config
            if training.chip and shared[training.chip, config.face_detector] > 1:
                cutter = cutting.Cutter(training.chip, config.face_detector, resolve_device(study.device))
                bank = study.folder / "chips" / f"{training.chip.size}-{cutter.digest[:8]}"
                cutting.fill(bank, study.faces.images, study.faces.digests, cutter, study.on_progress)
                config = replace(config, bank=bank)
            train.run(config, study.on_progress)
