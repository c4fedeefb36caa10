"""The study of thresholds: what there is to train and to measure, for pseudo-labels of each confidence.

    labelled faces, less the group whose labels are hidden -> OUT/data/labelled.parquet
    the group's faces, or a lake's crops -> the source model's answers -> candidates -> OUT/sets/<setting>
    a recipe for each setting and seed -> (trained elsewhere: OUT/runs, OUT/models) -> answers -> tables

What is held apart, so that no figure praises itself:

- Of the hidden group a part plays the archive; its labels are in no file that a training reads. They are looked at
  once, after everything was chosen, to say how many pseudo-labels were wrong; and by the row `oracle`, the ceiling.
- The others are held out, and parted by hash: on the choosing half settings are compared and one is chosen, on the
  reporting half it is reported. No face is in both. The labelled validation faces say when a network was at its best,
  in all rows alike; they could not choose a threshold, as none of them is of the group.
- The source model must not have learned from the group: faces that its list names as seen are refused, unless its
  card says that every stage left the group out.

Every row but the source learns from the same labelled faces for the same number of steps (`epoch_faces` of the
recipe). Nobody knows who is who in a benchmark: a person with two pictures may be in the archive and held out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import FEMALE
from gfpipe.curation import lakes, sets
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.selection import TRAIN, Rules, select
from gfpipe.curation.sets import Model, Source
from gfpipe.errors import UnknownModelError, UsageError
from gfpipe.evaluation.answers import Trial
from gfpipe.faces import portraits
from gfpipe.models import store
from gfpipe.progress import OnProgress, Progress, no_progress
from gfpipe.studies.thresholds import benchmarks, hiding
from gfpipe.studies.thresholds import measures as thresholds
from gfpipe.studies.thresholds.config import CURATED, ELSEWHERE, LABELLED, Config, Setting
from gfpipe.studies.thresholds.hiding import ARCHIVE, CHOOSING, REPORTING, Group
from gfpipe.studies.thresholds.measures import Kind, Measures, Outcome, Row
from gfpipe.training.data import cutting, datasets, lessons, splits
from gfpipe.training.data.datasets import Dataset, LabelledImage
from gfpipe.training.data.splits import Faces

_FEWEST: Final = 8  # pseudo-labelled faces; from fewer nothing is trained


@dataclass(frozen=True, eq=False)
class Prepared:
    """What all settings share.

    Attributes:
        candidates: M faces of the archive that the model has read.
        truth: (M,) whether people saw a woman; None where nobody was asked.
        source: where they come from, for the cards of sets.
        pictures: all that any training may want chips of, and digests of their files.
        archive: faces of the archive, whether or not one was found in the picture.
    """

    candidates: Candidates
    truth: NDArray[np.bool_] | None
    source: Source
    pictures: tuple[LabelledImage, ...]
    digests: NDArray[np.uint64]
    archive: int

    def labelled(self, kind: Kind) -> Candidates:
        """The candidates as a setting sees them: with the model's answers, or, for the ceiling, with the truth."""
        if kind is Kind.ORACLE and self.truth is not None:
            return replace(self.candidates, p_female=self.truth.astype(np.float64))
        return self.candidates


@dataclass(frozen=True)
class Curated:
    """What a setting learns from; ``wrong`` of its labels are not what people said, None where nobody knows."""

    female: int
    male: int
    wrong: float | None

    @property
    def enough(self) -> bool:
        """Whether a network can be trained on it."""
        return self.female + self.male >= _FEWEST


def prepare(config: Config, on_progress: OnProgress = no_progress) -> Prepared:
    """Part the faces, list them below ``out/data``, and ask the model about the archive.

    Raises:
        UsageError: ``out`` holds another study, data are missing or of no use, or the model may know the group.
        ModelError: the model or the detector cannot be had.
    """
    config.claim()
    found = tuple(datasets.read(name) for name in config.data)
    _check_sources(config, found)
    faces = splits.distinct(found, on_progress)
    hidden = np.zeros(len(faces.images), np.bool_)
    if config.group:
        hidden = config.group.members(faces)
        _check_source(config.model, config.group, faces.digests[hidden])
    part = hiding.labelled_parts(faces, config.recipe.split, hidden)
    seen = store.seen(config.model)
    said = {"licence": hiding.licence(found)}
    learned = np.flatnonzero((part == "train") | (part == "validation"))
    hiding.write(config.table(LABELLED), _of(faces, learned), part[learned], said)
    elsewhere = np.flatnonzero((part == "test") & ~np.isin(faces.digests, seen))
    _write_measured(config, ELSEWHERE, lessons.subset(faces, elsewhere), said)
    labelled = lessons.subset(faces, learned)
    if config.group:
        return _from_group(config, lessons.subset(faces, np.flatnonzero(hidden)), labelled, said, on_progress)
    return _from_lake(config, labelled, np.concatenate([seen, faces.digests]), on_progress)


def curate(config: Config, prepared: Prepared, setting: Setting) -> Curated:
    """Choose a setting's faces, or read what was chosen before."""
    folder = config.set_of(setting)
    if setting.female is None or setting.male is None:
        return Curated(0, 0, None)
    candidates = prepared.labelled(setting.kind)
    # Nothing is held back to stop by: labelled faces do that.
    rules = Rules(setting.female, setting.male, validation=0.0)
    selection = select(candidates, rules)
    if not (folder / sets.CARD).is_file():
        source = prepared.source
        if setting.kind is Kind.ORACLE:
            source = replace(source, material=f"{source.material}, with the labels of people")
        sets.write(folder, candidates, selection, rules, source, setting.soft)
    wrong = None
    if prepared.truth is not None and len(selection.chosen):
        wrong = float(np.mean(candidates.female[selection.chosen] != prepared.truth[selection.chosen]))
    # Of the card: a lake may have more crops by now, and a setting that was trained is not chosen anew.
    counts = sets.read_card(folder).chosen[TRAIN]
    return Curated(counts["female"], counts["male"], wrong)


def fill_bank(config: Config, prepared: Prepared, on_progress: OnProgress = no_progress) -> None:
    """Find and cut every face once, for all trainings."""
    cutter = cutting.Cutter(config.chip, config.detector, resolve_device(config.device))

    cutting.fill(config.bank, prepared.pictures, prepared.digests, cutter, on_progress)


def conclude(config: Config, curated: Sequence[Curated], trials: Sequence[Trial]) -> Outcome:
    """Put together what came out.

    Args:
        config: of the study.
        curated: of each of its settings.
        trials: of :data:`MEASURED`, with the answers of the source and of every model that was trained.
    """
    rows = [Row("none, as it is", Kind.SOURCE, (store.card(config.model).id,))]
    for setting, made in zip(config.settings, curated, strict=True):
        trained = setting.kind is Kind.CONTROL or made.enough
        learned = (None, None) if setting.kind is Kind.CONTROL else (made.female, made.male)
        rows.append(
            Row(
                name=setting.name,
                kind=setting.kind,
                models=tuple(config.model_id(setting, seed) for seed in range(config.seeds) if trained),
                threshold=setting.female if setting.female == setting.male else None,
                female=learned[0],
                male=learned[1],
                wrong=None if setting.kind is Kind.ORACLE else made.wrong,
            )
        )
    choosing, reporting, elsewhere = trials
    everyone = thresholds.joined("everyone", reporting, elsewhere)
    group = str(config.group) if config.group else "like the archive's"
    return Outcome(group, *(Measures(tuple(rows), trial) for trial in (choosing, reporting, everyone)))


def _check_sources(config: Config, found: Sequence[Dataset]) -> None:
    for each in found:
        if each.pseudo:
            raise UsageError(f"{each.name} is a curated set: a study's source faces must be labelled by people")
        if each.broadcast and config.group:
            raise UsageError(
                f"{each.name} holds faces from broadcasts: give the archive as --lake, and no --unlabelled"
            )


def _from_group(
    config: Config, hidden: Faces, labelled: Faces, said: dict[str, str], on_progress: OnProgress
) -> Prepared:
    """The group parted; its archive asked about."""
    role = hiding.roles(hidden, config.held_out, config.reported)
    for name in (CHOOSING, REPORTING):
        _write_measured(config, name, lessons.subset(hidden, np.flatnonzero(role == name)), said)
    archive = lessons.subset(hidden, np.flatnonzero(role == ARCHIVE))
    p_female = _answers(config, archive, on_progress)
    candidates, which = benchmarks.from_dataset(archive.images, p_female)
    card = store.card(config.model)
    left_out = {"no face was found, or the picture cannot be read": len(archive.images) - len(which)}
    return Prepared(
        candidates=candidates,
        truth=archive.perceived_gender[which] == FEMALE,
        source=Source(
            f"faces with {config.group}, whose labels were hidden", (Model(card.id, card.sha256, len(which)),), left_out
        ),
        pictures=(*labelled.images, *archive.images),
        digests=np.concatenate([labelled.digests, archive.digests]),
        archive=len(archive.images),
    )


def _from_lake(config: Config, labelled: Faces, seen: NDArray[np.uint64], on_progress: OnProgress) -> Prepared:
    """A real archive's crops, and other faces to measure on."""
    card = store.card(config.model)
    found = lakes.read(Path(config.lake or ""), on_progress)
    if others := [model.id for model in found.models if model.sha256 != card.sha256]:
        raise UsageError(
            f"{config.lake} was read by {' and '.join(others)}, not by {card.id}: name that model, or bring the lake "
            f"under {card.id} first: gfpipe reclassify --lake {config.lake} --classifier {card.id}"
        )
    tests = tuple(datasets.read_to_measure(name) for name in config.test)
    faces = splits.distinct(tests)
    candidates = found.candidates
    images = tuple(
        LabelledImage(Path(path), gender, row=None if row < 0 else row)
        for path, gender, row in zip(
            candidates.path.tolist(), candidates.perceived_gender.tolist(), candidates.row.tolist(), strict=True
        )
    )
    crops = splits.distinct([Dataset("archive", CURATED, images, ())])
    known = np.isin(faces.digests, np.concatenate([seen, crops.digests]))
    unseen = lessons.subset(faces, np.flatnonzero(~known))
    if not len(unseen.images):
        raise UsageError("every test face is one that the model has seen, or one of the archive: name others")
    role = hiding.halves(unseen, config.reported)
    said = {"licence": hiding.licence(tests)}
    for name in (CHOOSING, REPORTING):
        _write_measured(config, name, lessons.subset(unseen, np.flatnonzero(role == name)), said)
    expires_at = found.expires_at.min().astype("datetime64[s]").item() if len(candidates) else None
    return Prepared(
        candidates=candidates,
        truth=None,
        source=Source(f"crops of {config.lake}", found.models, found.left_out, expires_at),
        pictures=(*labelled.images, *crops.images),
        digests=np.concatenate([labelled.digests, crops.digests]),
        archive=len(candidates),
    )


def _check_source(model: str, group: Group, digests: NDArray[np.uint64]) -> None:
    if not _never_learned(model, group, digests):
        raise UsageError(
            f"{model} was trained on faces of these data sets, and its card does not say that {group} was left "
            "out: it may know their labels, so that no study of it would mean anything; choose a model trained "
            f"without {group}"
        )


def _never_learned(model: str, group: Group, digests: NDArray[np.uint64]) -> bool:
    """Whether neither a model, nor one that it began with, learned from these faces of the group."""
    if not np.isin(digests, store.seen(model)).any():
        return True
    lineage = store.card(model).lineage
    if isinstance(lineage, str) or not lineage.excludes(group.attribute, group.value):
        return False  # free text says nothing reliable
    try:
        return all(_never_learned(initial, group, digests) for initial in lineage.initial)
    except UnknownModelError:
        return False


def _write_measured(config: Config, name: str, faces: Faces, said: dict[str, str]) -> None:
    if len(np.unique(faces.perceived_gender)) < 2:
        raise UsageError(
            f"{len(faces.images)} faces are left for {name}, and not of both perceived genders: give more faces, or "
            "other shares with --held-out"
        )
    hiding.write(config.table(name), faces.images, (None for _ in faces.images), said)


def _answers(config: Config, archive: Faces, on_progress: OnProgress) -> NDArray[np.float64]:
    """(N,) what the model says of each face of the archive; kept, so that a study that goes on need not ask again."""
    path = config.out / "data" / "archive.npz"
    if path.is_file():
        kept = np.load(path)
        if np.array_equal(kept["digests"], archive.digests):
            return np.asarray(kept["p_female"], np.float64)
    device = resolve_device(config.device)
    detect, ask = portraits.open_detector(config.detector, device), portraits.open_classifier(config.model, device)
    p_female = np.full(len(archive.images), np.nan)
    for batch in portraits.find(archive.images, detect, []):
        answer = ask(portraits.chips(batch, ask.spec.input, device))
        p_female[batch.index[batch.detected]] = answer.p_female
        on_progress(Progress("asking the model", int(batch.index[-1]) + 1, len(archive.images)))
    np.savez(path, digests=archive.digests, p_female=p_female)
    return p_female


def _of(faces: Faces, which: NDArray[np.int64]) -> list[LabelledImage]:
    return [faces.images[place] for place in which.tolist()]
