"""What people and models say of the faces of a benchmark; kept on disk as one Parquet file, ``answers.parquet``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.errors import UsageError

_ABOUT: Final = b"gfpipe.trial"
_FORMAT: Final = 1

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """N faces, as people labelled them.

    Attributes:
        names: (N,) where each picture lies.
        female: (N,) bool, the perceived gender.
        age_years: (N,) NaN where unknown; the middle of a band where only that is known.
        ethnicity: (N,) as the data set calls it; empty where unknown.
    """

    names: NDArray[np.str_]
    female: NDArray[np.bool_]
    age_years: Floats
    ethnicity: NDArray[np.str_]

    def __post_init__(self) -> None:
        lengths = {len(self.names), len(self.female), len(self.age_years), len(self.ethnicity)}
        if len(lengths) != 1:
            raise ValueError(f"labels of {sorted(lengths)} faces")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, which: NDArray[np.bool_]) -> "Labels":
        return Labels(self.names[which], self.female[which], self.age_years[which], self.ethnicity[which])


@dataclass(frozen=True)
class Answers:
    """What one model, or another tool, says of these faces.

    Attributes:
        p_female: (N,) in [0, 1]; NaN where no face was found or no answer was given, which counts as an error; all NaN
            of a model that tells ages alone.
        by_size: the height of the face in pixels to the (N,) answers about the picture reduced to it.
        age_years: (N,) NaN where there is no answer; None where the model says nothing about ages.
    """

    model_id: str
    p_female: Floats
    by_size: Mapping[int, Floats] = field(default_factory=dict)
    age_years: Floats | None = None

    def __post_init__(self) -> None:
        ages = () if self.age_years is None else (self.age_years,)
        for answers in (self.p_female, *self.by_size.values(), *ages):
            if answers.shape != self.p_female.shape:
                raise ValueError(f"{self.model_id}: {answers.shape} answers beside {self.p_female.shape}")

    @property
    def reads_gender(self) -> bool:
        """Whether perceived gender is among what is said; of some models it is the age alone."""
        return self.age_years is None or bool(np.isfinite(self.p_female).any())

    @property
    def answered(self) -> NDArray[np.bool_]:
        """(N,) whether there is an answer."""
        return np.isfinite(self.p_female if self.reads_gender or self.age_years is None else self.age_years)

    def __getitem__(self, which: NDArray[np.bool_]) -> "Answers":
        by_size = {size: p[which] for size, p in self.by_size.items()}
        ages = None if self.age_years is None else self.age_years[which]
        return Answers(self.model_id, self.p_female[which], by_size, ages)


@dataclass(frozen=True)
class Trial:
    """Models side by side on the faces of one data set.

    Attributes:
        data: the data set, as it was asked for.
        detector_id: the model that found the faces.
        skipped: pictures that are not among the faces, each with the reason.
        seen: faces left out because one of the models was trained on them.
    """

    data: str
    detector_id: str
    labels: Labels
    answers: tuple[Answers, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    seen: int = 0

    def __post_init__(self) -> None:
        for answers in self.answers:
            if len(answers.p_female) != len(self.labels):
                raise ValueError(f"{answers.model_id}: {len(answers.p_female)} answers on {len(self.labels)} faces")

    def __getitem__(self, which: NDArray[np.bool_]) -> "Trial":
        """The trial on some of its faces: an (N,) mask."""
        answers = tuple(each[which] for each in self.answers)
        return Trial(self.data, self.detector_id, self.labels[which], answers, self.skipped, self.seen)

    @property
    def reading_gender(self) -> "Trial":
        """The trial of those models that say something about perceived gender."""
        return replace(self, answers=tuple(each for each in self.answers if each.reads_gender))

    def of(self, model_id: str) -> Answers:
        """The answers of one model.

        Raises:
            UsageError: it is not among them.
        """
        for answers in self.answers:
            if answers.model_id == model_id:
                return answers
        raise UsageError(f"no answers of {model_id} on {self.data}; there are {', '.join(self.models)}")

    @property
    def models(self) -> tuple[str, ...]:
        """The models' ids, in the order in which they were asked for."""
        return tuple(answers.model_id for answers in self.answers)

    def write(self, path: Path) -> None:
        """Write one row a face: name, labels, and for each model ``p_female`` (also by size) and ``age_years``."""
        columns: dict[str, object] = {
            "name": self.labels.names.tolist(),
            "perceived_gender": np.where(self.labels.female, "female", "male").tolist(),
            "age_years": pa.array(self.labels.age_years, from_pandas=True),
            "ethnicity": [value or None for value in self.labels.ethnicity.tolist()],
        }
        for number, answers in enumerate(self.answers):
            for size, p_female in ((0, answers.p_female), *answers.by_size.items()):
                columns[_column(number, answers.model_id, size)] = pa.array(p_female, from_pandas=True)
            if answers.age_years is not None:
                columns[_age_column(number, answers.model_id)] = pa.array(answers.age_years, from_pandas=True)
        about = {
            "format": _FORMAT,
            "data": self.data,
            "detector": self.detector_id,
            "models": [[answers.model_id, list(answers.by_size)] for answers in self.answers],
            "skipped": self.skipped,
            "seen": self.seen,
        }
        table = pa.table(columns).replace_schema_metadata({_ABOUT: json.dumps(about).encode()})
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)

    @classmethod
    def read(cls, path: Path) -> "Trial":
        """Read what :meth:`write` wrote.

        Raises:
            UsageError: there is no such file, or it is none of ours.
        """
        try:
            table = pq.read_table(path)
            about = json.loads((table.schema.metadata or {})[_ABOUT])
        except (OSError, pa.ArrowInvalid, KeyError, json.JSONDecodeError) as exc:
            raise UsageError(f"{path} holds no answers that gfpipe evaluate wrote: {exc}") from exc
        return cls(
            data=about["data"],
            detector_id=about["detector"],
            labels=Labels(
                names=_strings(table, "name"),
                female=_strings(table, "perceived_gender") == "female",
                age_years=_floats(table, "age_years"),
                ethnicity=_strings(table, "ethnicity"),
            ),
            answers=tuple(
                Answers(
                    model_id,
                    _floats(table, _column(number, model_id, 0)),
                    {size: _floats(table, _column(number, model_id, size)) for size in sizes},
                    _floats(table, ages) if (ages := _age_column(number, model_id)) in table.column_names else None,
                )
                for number, (model_id, sizes) in enumerate(about["models"])
            ),
            skipped=tuple((name, reason) for name, reason in about["skipped"]),
            seen=about["seen"],
        )


def _column(number: int, model_id: str, size: int) -> str:
    return f"p_female {number}: {model_id}" + (f" @ {size}" if size else "")


def _age_column(number: int, model_id: str) -> str:
    return f"age_years {number}: {model_id}"


def _strings(table: pa.Table, name: str) -> NDArray[np.str_]:
    return np.array([value or "" for value in table[name].to_pylist()], dtype=np.str_)


def _floats(table: pa.Table, name: str) -> Floats:
    column = table[name].cast(pa.float64()).to_pylist()
    return np.array([np.nan if value is None else value for value in column], dtype=np.float64)
