"""Labels and model predictions for the faces of a benchmark, stored as one Parquet file, ``answers.parquet``."""

import json
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.base.files import replacing
from gfpipe.errors import UsageError

_METADATA: Final = b"gfpipe.trial"
_FORMAT: Final = 1

Floats = NDArray[np.float64]


@array_dataclass
class Labels:
    """Labels of N faces.

    Attributes:
        names: (N,) paths of the images.
        female: (N,) bool, perceived gender.
        age_years: (N,) NaN if unknown; the middle of the band if only a band is known.
        ethnicity: (N,) category of the data set; empty if unknown.
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

    def __getitem__(self, mask: NDArray[np.bool_]) -> "Labels":
        return Labels(self.names[mask], self.female[mask], self.age_years[mask], self.ethnicity[mask])


@array_dataclass
class Answers:
    """Predictions of one model, or of another tool, for N faces.

    Attributes:
        p_female: (N,) in [0, 1]; NaN if no face was detected or there is no prediction, which counts as an error; all
            NaN for a model that predicts age only.
        by_size: face height in pixels to (N,) predictions on the image scaled down to that height.
        age_years: (N,) NaN if there is no prediction; None if the model does not predict age.
    """

    model_id: str
    p_female: Floats
    by_size: Mapping[int, Floats] = field(default_factory=dict)
    age_years: Floats | None = None

    def __post_init__(self) -> None:
        ages = () if self.age_years is None else (self.age_years,)
        for predictions in (self.p_female, *self.by_size.values(), *ages):
            if predictions.shape != self.p_female.shape:
                raise ValueError(f"{self.model_id}: shapes {predictions.shape} and {self.p_female.shape} differ")

    @property
    def reads_gender(self) -> bool:
        """Whether the model predicts perceived gender; some models predict age only."""
        return self.age_years is None or bool(np.isfinite(self.p_female).any())

    @property
    def answered(self) -> NDArray[np.bool_]:
        """(N,) whether there is a prediction."""
        return np.isfinite(self.p_female if self.reads_gender or self.age_years is None else self.age_years)

    def __getitem__(self, mask: NDArray[np.bool_]) -> "Answers":
        by_size = {size: p_female[mask] for size, p_female in self.by_size.items()}
        ages = None if self.age_years is None else self.age_years[mask]
        return Answers(self.model_id, self.p_female[mask], by_size, ages)


@array_dataclass
class Trial:
    """Predictions of several models for the faces of one data set.

    Attributes:
        data: the data set, as named on the command line.
        detector_id: id of the face detector.
        skipped: images without a face in the trial, each with the reason.
        seen: number of faces left out because one of the models was trained on them.
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

    def __getitem__(self, mask: NDArray[np.bool_]) -> "Trial":
        """The trial restricted to the faces of an (N,) mask."""
        return replace(self, labels=self.labels[mask], answers=tuple(answers[mask] for answers in self.answers))

    @property
    def reading_gender(self) -> "Trial":
        """The trial restricted to models that predict perceived gender."""
        return replace(self, answers=tuple(answers for answers in self.answers if answers.reads_gender))

    def of(self, model_id: str) -> Answers:
        """The predictions of one model.

        Raises:
            UsageError: the model is not part of the trial.
        """
        for answers in self.answers:
            if answers.model_id == model_id:
                return answers
        raise UsageError(f"no answers of {model_id} on {self.data}; there are {', '.join(self.models)}")

    @property
    def models(self) -> tuple[str, ...]:
        """Model ids, in the order of `answers`."""
        return tuple(answers.model_id for answers in self.answers)

    def write(self, path: Path) -> None:
        """Write one row per face: name, labels, and for each model ``p_female`` (also by size) and ``age_years``.

        Raises:
            OSError: the file cannot be written.
        """
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
        metadata = {
            "format": _FORMAT,
            "data": self.data,
            "detector": self.detector_id,
            "models": [[answers.model_id, list(answers.by_size)] for answers in self.answers],
            "skipped": self.skipped,
            "seen": self.seen,
        }
        table = pa.table(columns).replace_schema_metadata({_METADATA: json.dumps(metadata).encode()})
        with replacing(path) as temporary:
            pq.write_table(table, temporary)

    @classmethod
    def read(cls, path: Path) -> "Trial":
        """Read a file of :meth:`write`.

        Raises:
            UsageError: the file does not exist or is not an ``answers.parquet``.
        """
        try:
            table = pq.read_table(path)
            metadata = json.loads((table.schema.metadata or {})[_METADATA])
        except (OSError, pa.ArrowInvalid, KeyError, json.JSONDecodeError) as exc:
            raise UsageError(f"{path} was not written by gfpipe evaluate: {exc}") from exc
        return cls(
            data=metadata["data"],
            detector_id=metadata["detector"],
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
                for number, (model_id, sizes) in enumerate(metadata["models"])
            ),
            skipped=tuple((name, reason) for name, reason in metadata["skipped"]),
            seen=metadata["seen"],
        )


def _column(number: int, model_id: str, size: int) -> str:
    return f"p_female {number}: {model_id}" + (f" @ {size}" if size else "")


def _age_column(number: int, model_id: str) -> str:
    return f"age_years {number}: {model_id}"


def _strings(table: pa.Table, name: str) -> NDArray[np.str_]:
    return np.array([value or "" for value in table[name].to_pylist()], dtype=np.str_)


def _floats(table: pa.Table, name: str) -> Floats:
    return np.array(table[name].cast(pa.float64()), dtype=np.float64)
