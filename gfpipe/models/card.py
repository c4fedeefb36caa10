"""A model's card: what it is, where it comes from, how well it does, what it is for and what not."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from gfpipe.attributes.spec import Activation, Attribute, ClassifierSpec, Head, InputSpec
from gfpipe.errors import ModelError, UsageError
from gfpipe.evaluation.gate.decision import Check, Decision

FORMAT = 1


@dataclass(frozen=True)
class Metric:
    """One measured number.

    Attributes:
        name: such as ``accuracy``.
        group: the subgroup it was measured on; ``overall`` for all.
        data: what it was measured on.
        source: who measured it and how.
    """

    name: str
    value: float
    data: str
    source: str
    group: str = "overall"


@dataclass(frozen=True)
class Card:
    """What is known of a model beside its weights; ``card.json`` in the model's folder.

    Attributes:
        task: ``face-detection``, ``perceived-gender``, ``age`` or ``backbone``.
        network: the name of the network's builder.
        heads: how a classifier's outputs are read; empty for other tasks.
        source: where the weights were published.
        source_sha256: of the published file that was converted.
        sha256: of ``weights.safetensors``, checked whenever the model is opened.
        parameters: how many numbers the weights hold; None where they are an ONNX graph.
        lineage: what it was trained on, as far as it is known.
        detector: what found the faces that it learned from, where that was not the pipeline's own.
        decisions: whether it was to be champion, each time somebody asked, with the figures; the latest last.
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
    lineage: str = ""
    metrics: tuple[Metric, ...] = ()
    intended_uses: tuple[str, ...] = ()
    excluded_uses: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    detector: str = ""
    format: int = field(default=FORMAT, kw_only=True)

    @property
    def classifier(self) -> ClassifierSpec:
        """What :func:`gfpipe.attributes.classifier.load` takes.

        Raises:
            UsageError: the model is no classifier.
        """
        if not self.heads:
            raise UsageError(f"{self.id} is a model for {self.task}, not a classifier of faces")
        return ClassifierSpec(self.id, self.network, self.input, self.heads)

    def with_weights(self, sha256: str, source_sha256: str, parameters: int | None) -> "Card":
        """The card once its weights are known."""
        return replace(self, sha256=sha256, source_sha256=source_sha256, parameters=parameters)

    def with_decision(self, decision: Decision) -> "Card":
        """The card once it was decided whether the model is to be champion."""
        return replace(self, decisions=(*self.decisions, decision))

    def to_json(self) -> str:
        """Text of ``card.json``."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Read a card back.

        Raises:
            ModelError: the text is no card, or one of a later format.
        """
        try:
            return cls.from_mapping(json.loads(text))
        except json.JSONDecodeError as exc:
            raise ModelError(f"not JSON: {exc}") from exc

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Card":
        """Make a card from plain values, as JSON and TOML give them.

        Raises:
            ModelError: a field is missing, unknown or impossible, or the format is a later one.
        """
        if values.get("format", FORMAT) > FORMAT:
            raise ModelError(f"the card has format {values['format']}; this gfpipe reads {FORMAT}: update gfpipe")
        if unknown := set(values) - {f.name for f in fields(cls)}:
            raise ModelError(f"unknown fields: {', '.join(sorted(unknown))}")
        try:
            return cls(
                **{
                    **values,
                    "input": _input(values["input"]),
                    "heads": tuple(map(_head, values.get("heads", ()))),
                    "metrics": tuple(Metric(**metric) for metric in values.get("metrics", ())),
                    "intended_uses": tuple(values.get("intended_uses", ())),
                    "excluded_uses": tuple(values.get("excluded_uses", ())),
                    "decisions": tuple(map(_decision, values.get("decisions", ()))),
                }
            )
        except KeyError as exc:
            raise ModelError(f"no field {exc}") from exc
        except (TypeError, ValueError) as exc:
            raise ModelError(str(exc)) from exc


def _input(values: Mapping[str, Any]) -> InputSpec:
    first, second, third = values["mean"]
    template = tuple((float(x), float(y)) for x, y in values.get("template", ()))
    rest = {"mean": (first, second, third), "std": tuple(values["std"]), "template": template}
    return InputSpec(**{"size": None, **values, **rest})


def _head(values: Mapping[str, Any]) -> Head:
    return Head(
        attribute=Attribute(values["attribute"]),
        classes=tuple(map(str, values["classes"])),
        years=tuple(map(float, values.get("years", ()))),
        activation=Activation(values.get("activation", "softmax")),
        temperature=float(values.get("temperature", 1.0)),
    )


def _decision(values: Mapping[str, Any]) -> Decision:
    return Decision(**{**values, "checks": tuple(Check(**check) for check in values["checks"])})
