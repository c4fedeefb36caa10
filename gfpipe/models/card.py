"""Model cards: origin, licence, input, outputs, metrics and intended uses of a model."""

import json
from collections.abc import Mapping
from dataclasses import asdict, field, replace
from typing import Any

from pydantic.dataclasses import dataclass

from gfpipe.attributes.spec import Attribute, ClassifierSpec, Head, InputSpec
from gfpipe.base.validation import parse
from gfpipe.errors import ModelError, UsageError
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.models.lineage import Lineage

FORMAT = 1


@dataclass(frozen=True)
class Metric:
    """One measured value."""

    name: str  # such as accuracy
    value: float
    data: str  # the faces it was measured on
    source: str  # who measured it and how
    group: str = "overall"  # the subgroup


@dataclass(frozen=True)
class Card:
    """Metadata of a model: ``card.json`` in the model's folder.

    Attributes:
        task: ``face-detection``, ``perceived-gender``, ``age`` or ``backbone``.
        source_sha256: of the published file that was converted.
        sha256: of ``weights.safetensors``, checked whenever the model is opened.
        parameters: the number of weights; None for an ONNX graph.
        heads: the meaning of a classifier's outputs; empty for other tasks.
        lineage: how it was trained: data if gfpipe trained it, else free text.
        decisions: the gate's decisions about promoting it, oldest first.
        detector: the detector of its training faces, if not the pipeline's.
    """

    id: str
    task: str
    network: str
    input: InputSpec
    licence: str
    source: str
    source_sha256: str = ""
    sha256: str = ""
    parameters: int | None = None
    heads: tuple[Head, ...] = ()
    lineage: Lineage | str = ""
    metrics: tuple[Metric, ...] = ()
    intended_uses: tuple[str, ...] = ()
    excluded_uses: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    detector: str = ""
    format: int = field(default=FORMAT, kw_only=True)

    @property
    def classifier(self) -> ClassifierSpec:
        """The argument of :func:`gfpipe.attributes.classifier.load`.

        Raises:
            UsageError: the model is not a classifier.
        """
        if not self.heads:
            raise UsageError(f"{self.id} is a model for {self.task}, not a classifier of faces")
        return ClassifierSpec(self.id, self.network, self.input, self.heads)

    def require(self, attribute: Attribute) -> "Card":
        """This card, if the model classifies ``attribute``.

        Raises:
            UsageError: it does not.
        """
        if all(head.attribute is not attribute for head in self.heads):
            wanted = attribute.replace("_", " ")
            raise UsageError(f"{self.id} is a model for {self.task}; choose one for {wanted}")
        return self

    def with_weights(self, sha256: str, source_sha256: str, parameters: int | None) -> "Card":
        """Complete the card with digests and size of the weights."""
        return replace(self, sha256=sha256, source_sha256=source_sha256, parameters=parameters)

    def with_decision(self, decision: Decision) -> "Card":
        """The card with one more decision of the gate."""
        return replace(self, decisions=(*self.decisions, decision))

    def to_json(self) -> str:
        """The text of ``card.json``."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Read the text of ``card.json``.

        Raises:
            ModelError: it is not JSON, or as :meth:`from_mapping`.
        """
        try:
            return cls.from_mapping(json.loads(text))
        except (ValueError, RecursionError) as exc:
            raise ModelError(f"not JSON: {exc}") from exc

    @classmethod
    def from_mapping(cls, values: Any) -> "Card":
        """Validate plain values, as JSON and TOML give them.

        Raises:
            ModelError: a key is unknown or missing, a value is not valid, or the format is a later one.
        """
        if isinstance(values, Mapping) and isinstance(version := values.get("format"), int) and version > FORMAT:
            raise ModelError(f"the card has format {version}; this gfpipe reads {FORMAT}: update gfpipe")
        if isinstance(values, Mapping) and isinstance(chip := values.get("input"), Mapping):
            values = {**values, "input": {"size": None, **chip}}  # TOML cannot say null
        return parse(cls, values, error=ModelError)
