"""Runner of studies: trains what is missing, measures, writes tables and figures. A study itself only declares these.

OUT/study.json              what the study is about; another study in the same folder is refused
OUT/chips/SIZE-KEY/         chips that several trainings share, while they are needed
OUT/runs/MODEL/             a training, which resumes where it was interrupted
OUT/models/MODEL/           its model, of no use beyond the study
OUT/answers/                stored answers of models, keyed by models and faces

Trainings run one after the other: each uses all cores or the GPU by itself.
"""

import json
import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from gfpipe import files
from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import InputSpec
from gfpipe.choices import Device
from gfpipe.drawing import Plan
from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.figures.plotting import save
from gfpipe.models import store
from gfpipe.progress import OnProgress, no_progress
from gfpipe.settings import Analysis
from gfpipe.stages.models import evaluate, train
from gfpipe.tables import Table
from gfpipe.training.data import cutting, material
from gfpipe.training.data.splits import Faces
from gfpipe.training.recipe import Recipe

T = TypeVar("T")
_ABOUT: Final = "study.json"


@dataclass(frozen=True)
class Training:
    """One training of a study.

    Attributes:
        name: row of the study that needs it.
        title: what is trained on what, in words.
        chip: input of its network; trainings of equal input share chips. None to cut its own.
    """

    name: str
    title: str
    config: train.Config
    chip: InputSpec | None

    @property
    def finished(self) -> bool:
        """Whether the model is there."""
        return self.config.folder.finished() is not None and (self.config.model_folder / store.CARD).is_file()


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of every study that trains.

    Attributes:
        out: folder of the study; an interrupted study resumes there.
        detector: face detector.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    out: Path
    detector: str = Analysis().detector
    device: str = Device.AUTO

    @property
    def models(self) -> Path:
        """The study's own folder of models."""
        return self.out / "models"

    def training(
        self, name: str, title: str, recipe: Recipe, data: tuple[str, ...], model_id: str, chip: InputSpec | None = None
    ) -> Training:
        """Declare a training; `chip` is the network's input where the recipe does not set it."""
        config = train.Config(
            recipe=recipe,
            data=data,
            out=self.out / "runs" / model_id,
            model_id=model_id,
            device=self.device,
            detector=self.detector,
            models=self.models,
        )
        return Training(name, title, config, recipe.input.spec if recipe.input else chip)


@dataclass(frozen=True)
class Report:
    """What a study leaves in its folder.

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
        """``STEM.txt`` and ``STEM.md`` with all tables, and ``NAME.csv`` and ``NAME.tex`` of each."""
        text = "\n\n".join([*(table.text() for table in tables), *filter(None, [closing])])
        markdown = "\n".join([*(table.markdown() for table in tables), *([closing, ""] if closing else [])])
        texts = {f"{stem}.txt": f"{text}\n", f"{stem}.md": markdown}
        texts |= {f"{table.name}.csv": table.csv() for table in tables}
        texts |= {f"{table.name}.tex": table.latex() for table in tables}
        return cls(text, texts, **others)

    def write(self, folder: Path) -> tuple[Path, ...]:
        """Write all files; returns their paths.

        Raises:
            UsageError: the folder cannot be written.
        """
        try:
            for name, content in self.texts.items():
                files.write(folder / name, content)
            paths = [folder / name for name in self.texts]
            if self.trial:
                self.trial.write(folder / "answers.parquet")
                paths.append(folder / "answers.parquet")
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


class Study(ABC, Generic[T]):
    """Declaration of a study.

    Attributes:
        out: folder of the study; None to store nothing.
        on_progress: receives the progress of every step.
        say: receives a line at the beginning of each training.
    """

    def __init__(
        self, out: Path | None, on_progress: OnProgress = no_progress, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.out = out
        self.on_progress = on_progress
        self.say = say

    @property
    @abstractmethod
    def about(self) -> Mapping[str, Any]:
        """What must be the same to resume in a folder, in plain values by words for a message."""

    def prepare(self) -> None:
        """Do what comes before the first training."""

    @property
    def trainings(self) -> Sequence[Training]:
        """All trainings, finished or not, in order."""
        return ()

    @property
    def faces(self) -> Faces:
        """Faces that trainings may learn from, to be cut once."""
        raise NotImplementedError

    def attempt(self, _name: str) -> AbstractContextManager[None]:
        """Context of work for one row; a study may record an error instead of raising it."""
        return nullcontext()

    @abstractmethod
    def measure(self) -> T:
        """Measure all models on the same faces."""

    @abstractmethod
    def report(self, outcome: T) -> Report:
        """Lay out tables and figures."""


def run(study: Study[T], *, keep_chips: bool = False) -> Written[T]:
    """Train what is missing, measure, and write tables and figures.

    Args:
        study: its declaration.
        keep_chips: leave the cut faces in the study's folder.

    Raises:
        UsageError: the folder holds another study or cannot be written, or data are missing or unfit.
        ModelError: a model or the detector is not available.
    """
    claim(study)
    study.prepare()
    _train(study)
    outcome = study.measure()
    report = study.report(outcome)
    paths = report.write(study.out) if study.out else ()
    if study.out and not keep_chips:
        shutil.rmtree(study.out / "chips", ignore_errors=True)
    return Written(outcome, report.text, paths)


def claim(study: Study[Any]) -> None:
    """Make the folder this study's own; rows and seeds may be added later.

    Raises:
        UsageError: it holds another study, or cannot be written.
    """
    if study.out is None:
        return
    path, about = study.out / _ABOUT, json.loads(json.dumps(study.about))
    try:
        if not path.is_file():
            files.write_json(path, about)
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise UsageError(f"{path} cannot be read or written: {exc}; choose another --out") from exc
    if others := [word for word, value in about.items() if stored.get(word) != value]:
        raise UsageError(f"{study.out} holds a study of another {' and another '.join(others)}: choose another --out")


def summary(trainings: Sequence[Training]) -> str:
    """How many trainings are missing, and how long each is."""
    due = sum(not training.finished for training in trainings)
    shown = sum(stage.epochs * stage.epoch_faces for stage in trainings[0].config.recipe.stages)
    return f"{due} of {len(trainings)} trainings are not finished" + (f", each shown {shown:,} faces" if shown else "")


def stored_answers(out: Path, config: evaluate.Config, faces: str, on_progress: OnProgress) -> tuple[Trial, ...]:
    """Evaluate models, or read the stored answers of the same models about the same faces.

    Args:
        out: folder of the study.
        config: of the evaluation.
        faces: digest of all faces and labels.
        on_progress: receives the progress of the evaluation.
    """
    key = material.digest(faces, [store.card(model).sha256 for model in config.models])[:16]
    names = [data.partition("=")[0].partition(":")[0] for data in config.data]
    paths = [out / "answers" / f"{name}-{key}.parquet" for name in names]
    if all(path.is_file() for path in paths):
        return tuple(map(Trial.read, paths))
    trials = evaluate.run(config, on_progress)
    shutil.rmtree(out / "answers", ignore_errors=True)  # of fewer models, or of other faces
    for path, trial in zip(paths, trials, strict=True):
        with files.replacing(path) as temporary:
            trial.write(temporary)
    return trials


def data_paths(data: Sequence[str]) -> list[str]:
    """``NAME=PATH`` with absolute paths, sorted."""
    parts: Iterator[tuple[str, str, str]] = (name.partition("=") for name in data)
    return sorted(f"{name}={Path(path).expanduser().resolve()}" for name, _, path in parts)


def _train(study: Study[Any]) -> None:
    """Train what is missing; chips are cut once for trainings of equal input."""
    trainings = study.trainings
    for training in trainings:
        with study.attempt(training.name):
            training.config.folder.refuse_another()
    due = [training for training in trainings if not training.finished]
    shared = Counter((training.chip, training.config.face_detector) for training in due if training.chip)
    for number, training in enumerate(due, start=1):
        with study.attempt(training.name):
            study.say(f"[{number}/{len(due)}] {training.title}")
            config = training.config
            if training.chip and shared[training.chip, config.face_detector] > 1:
                config = replace(config, bank=_bank(study, training.chip, config))
            train.run(config, study.on_progress)


def _bank(study: Study[Any], chip: InputSpec, config: train.Config) -> Path:
    """The folder with a chip of every face; cut now if it is not there yet."""
    cutter = cutting.Cutter(chip, config.face_detector, resolve_device(config.device))
    folder = (study.out or Path()) / "chips" / f"{chip.size}-{cutter.alike[:8]}"
    cutting.fill(folder, study.faces.images, study.faces.digests, cutter, study.on_progress)
    return folder
