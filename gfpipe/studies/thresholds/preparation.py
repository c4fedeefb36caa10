"""Data of a study of thresholds.

    labelled faces without the hidden group -> OUT/data/labelled.parquet
    the group's faces, or a lake's crops -> predictions of the source model -> candidates -> OUT/sets/SETTING

Separation of data:

- Part of the hidden group replaces the archive. Its labels are used only to count wrong pseudo-labels after all
  selections, and by the row `oracle`, the upper bound.
- The rest of the group is held out and split by hash: settings are chosen on one half and reported on the other.
  Early stopping uses labelled validation faces of other groups.
- A source model that may have learned from the group is refused.

Every row but the source learns from the same labelled faces for the same number of steps. Benchmarks do not identify
people: two pictures of one person may be in the archive and held out.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import FEMALE
from gfpipe.base import files
from gfpipe.base.arrays import array_dataclass
from gfpipe.base.progress import Progress
from gfpipe.curation import lakes, sets
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.selection import TRAIN, Rules, select
from gfpipe.curation.sets import Model, Source
from gfpipe.errors import UnknownModelError, UsageError
from gfpipe.faces import portraits
from gfpipe.models import store
from gfpipe.studies.thresholds import benchmarks, hiding
from gfpipe.studies.thresholds.config import CURATED, ELSEWHERE, LABELLED, Config, Setting
from gfpipe.studies.thresholds.hiding import ARCHIVE, CHOOSING, REPORTING, Group
from gfpipe.studies.thresholds.measures import Kind
from gfpipe.training.data import datasets, lessons, splits
from gfpipe.training.data.datasets import Dataset, LabelledImage
from gfpipe.training.data.splits import Faces

_FEWEST: Final = 8  # pseudo-labelled faces to train on


@array_dataclass
class Prepared:
    """Data shared by all settings.

    Attributes:
        candidates: M faces of the archive with the model's predictions.
        truth: (M,) whether people labelled a woman; None without human labels.
        source: origin of the faces, for the cards of sets.
        faces: all faces that a training may need, with digests of their files.
        archive: number of faces of the archive, detected or not.
    """

    candidates: Candidates
    truth: NDArray[np.bool_] | None
    source: Source
    faces: Faces
    archive: int


@dataclass(frozen=True)
class Curated:
    """Pseudo-labelled faces of a setting; `wrong` is the share of wrong labels, None if unknown."""

    female: int
    male: int
    wrong: float | None

    @property
    def enough(self) -> bool:
        """Whether a network can be trained on it."""
        return self.female + self.male >= _FEWEST


def prepare(config: Config) -> Prepared:
    """Split the faces, list them below ``OUT/data``, and label the archive with the source model.

    Raises:
        UsageError: data are missing or unusable, or the model may have learned from the group.
        ModelError: the model or the detector is not available.
    """
    sources = tuple(datasets.read(name) for name in config.data)
    for data in sources:
        if data.pseudo:
            raise UsageError(f"{data.name} is a curated set: a study's source faces must be labelled by people")
        if data.broadcast and config.group:
            raise UsageError(f"{data.name} holds faces from broadcasts: name the archive by --lake, not --unlabelled")
    faces = splits.distinct(sources, config.on_progress)
    hidden = np.zeros(len(faces.images), np.bool_)
    if config.group:
        hidden = config.group.members(faces)
        if not _never_learned(config.model, config.group, faces.digests[hidden]):
            raise UsageError(
                f"{config.model} was trained on faces of these data sets, and its card does not say that "
                f"{config.group} was left out: it may know their labels, so that no study of it would mean anything; "
                f"choose a model trained without {config.group}"
            )
    part = hiding.labelled_parts(faces, config.recipe.split, hidden)
    seen = store.seen(config.model)
    licence = hiding.licence(sources)
    learned = np.flatnonzero((part == "train") | (part == "validation"))
    labelled = lessons.subset(faces, learned)
    hiding.write(config.table(LABELLED), labelled.images, part[learned], licence)
    elsewhere = np.flatnonzero((part == "test") & ~np.isin(faces.digests, seen))
    _write_measured(config, ELSEWHERE, lessons.subset(faces, elsewhere), licence)
    if config.group:
        return _from_group(config, lessons.subset(faces, np.flatnonzero(hidden)), labelled, licence)
    return _from_lake(config, labelled, np.concatenate([seen, faces.digests]))


def curate(config: Config, prepared: Prepared, setting: Setting) -> Curated:
    """Select a setting's faces, or read the stored selection."""
    if setting.female is None or setting.male is None:
        return Curated(0, 0, None)
    candidates, source = prepared.candidates, prepared.source
    if setting.kind is Kind.ORACLE and prepared.truth is not None:
        candidates = replace(candidates, p_female=prepared.truth.astype(np.float64))
        source = replace(source, material=f"{source.material}, with the labels of people")
    rules = Rules(setting.female, setting.male, validation=0.0)  # labelled faces serve for early stopping
    selection = select(candidates, rules)
    folder = config.set_of(setting)
    if not (folder / sets.CARD).is_file():
        sets.write(folder, candidates, selection, rules, source, setting.soft)
    wrong = None
    if prepared.truth is not None and len(selection.chosen):
        wrong = float(np.mean(candidates.female[selection.chosen] != prepared.truth[selection.chosen]))
    # From the card: a lake may have more crops by now, and a trained setting keeps its selection.
    counts = sets.read_card(folder).chosen[TRAIN]
    return Curated(counts["female"], counts["male"], wrong)


def _from_group(config: Config, hidden: Faces, labelled: Faces, licence: str) -> Prepared:
    """Split the hidden group; label its archive."""
    role = hiding.roles(hidden, config.held_out, config.reported)
    _write_roles(config, hidden, role, licence)
    archive = lessons.subset(hidden, np.flatnonzero(role == ARCHIVE))
    p_female = _predictions(config, archive)
    candidates, indices = benchmarks.from_dataset(archive.images, p_female)
    card = store.card(config.model)
    left_out = {"no face was found, or the picture cannot be read": len(archive.images) - len(indices)}
    models = (Model(card.id, card.sha256, len(indices)),)
    source = Source(f"faces with {config.group}, whose labels were hidden", models, left_out)
    truth = archive.perceived_gender[indices] == FEMALE
    return Prepared(candidates, truth, source, _joined(labelled, archive), len(archive.images))


def _from_lake(config: Config, labelled: Faces, seen: NDArray[np.uint64]) -> Prepared:
    """Read a real archive's crops; split other faces to measure on."""
    card = store.card(config.model)
    lake = lakes.read(Path(config.lake or ""), config.on_progress)
    if others := [model.id for model in lake.models if model.sha256 != card.sha256]:
        raise UsageError(
            f"{config.lake} was classified by {' and '.join(others)}, not by {card.id}: name that model, or classify "
            f"the lake again: gfpipe reclassify --lake {config.lake} --classifier {card.id}"
        )
    tests = tuple(datasets.read_to_measure(name) for name in config.test)
    faces = splits.distinct(tests)
    candidates = lake.candidates
    columns = (candidates.path.tolist(), candidates.perceived_gender.tolist(), candidates.row.tolist())
    images = tuple(
        LabelledImage(Path(path), gender, row=None if row < 0 else row)
        for path, gender, row in zip(*columns, strict=True)
    )
    crops = splits.distinct([Dataset("archive", CURATED, images, ())])
    known = np.isin(faces.digests, np.concatenate([seen, crops.digests]))
    unseen = lessons.subset(faces, np.flatnonzero(~known))
    if not len(unseen.images):
        raise UsageError("the model or the archive has every test face already: name other faces with --test")
    _write_roles(config, unseen, hiding.halves(unseen, config.reported), hiding.licence(tests))
    expires_at = lake.expires_at.min().astype("datetime64[s]").item() if len(candidates) else None
    source = Source(f"crops of {config.lake}", lake.models, lake.left_out, expires_at)
    return Prepared(candidates, None, source, _joined(labelled, crops), len(candidates))


def _never_learned(model: str, group: Group, digests: NDArray[np.uint64]) -> bool:
    """Whether neither a model nor its initial models learned from these faces of the group."""
    if not np.isin(digests, store.seen(model)).any():
        return True
    lineage = store.card(model).lineage
    if isinstance(lineage, str) or not lineage.excludes(group.attribute, group.value):
        return False  # free text is not evidence
    try:
        return all(_never_learned(initial, group, digests) for initial in lineage.initial)
    except UnknownModelError:
        return False


def _write_roles(config: Config, faces: Faces, role: NDArray[np.str_], licence: str) -> None:
    for name in (CHOOSING, REPORTING):
        _write_measured(config, name, lessons.subset(faces, np.flatnonzero(role == name)), licence)


def _write_measured(config: Config, name: str, faces: Faces, licence: str) -> None:
    if len(np.unique(faces.perceived_gender)) < 2:
        raise UsageError(
            f"{len(faces.images)} faces are left for {name}, and not of both perceived genders: give more faces, or "
            "other shares with --held-out"
        )
    hiding.write(config.table(name), faces.images, (None for _ in faces.images), licence)


def _predictions(config: Config, archive: Faces) -> NDArray[np.float64]:
    """(N,) p_female of each face of the archive by the source model; stored for a study that resumes."""
    path = config.table("archive").with_suffix(".npz")
    if path.is_file():
        stored = np.load(path)
        if np.array_equal(stored["digests"], archive.digests):
            return np.asarray(stored["p_female"], np.float64)
    device = resolve_device(config.device)
    detect, classify = portraits.open_detector(config.detector, device), portraits.open_classifier(config.model, device)
    p_female = np.full(len(archive.images), np.nan)
    for batch in portraits.find(archive.images, detect, []):
        predictions = classify(portraits.chips(batch, classify.spec.input, device))
        p_female[batch.index[batch.detected]] = predictions.p_female
        config.on_progress(Progress("labelling the archive", int(batch.index[-1]) + 1, len(archive.images)))
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, digests=archive.digests, p_female=p_female)
    return p_female


def _joined(first: Faces, second: Faces) -> Faces:
    return Faces(
        (*first.images, *second.images),
        np.concatenate([first.digests, second.digests]),
        np.concatenate([first.dataset, second.dataset]),
    )
