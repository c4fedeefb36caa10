"""Validated values: every error is one line that names source, table, key and allowed values."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

import gfpipe
from gfpipe.base.validation import parse
from gfpipe.errors import ModelError, UsageError
from gfpipe.settings import CropRetention


@dataclass(frozen=True)
class Inner:
    size: Annotated[int, Field(ge=16, le=1024)] = 112
    order: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if self.size == 17:
            raise ValueError("size is prime")


@dataclass(frozen=True)
class Outer:
    name: str
    title: str
    inner: Inner | None = None
    stages: tuple[Inner, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fresh: Annotated[bool, Field(alias="new")] = False
    origin: Inner | str = ""


def outer(**values: Any) -> Outer:
    return parse(Outer, values, "a.toml", name="a")


def test_valid_values_become_frozen_records() -> None:
    result = outer(title="A", inner={"size": 32, "mean": [1, 2, 3]}, words={"age": ["old"]}, new=True)
    assert result.name == "a"
    assert result.fresh
    assert result.inner == Inner(32, mean=(1.0, 2.0, 3.0))
    assert result.words == {"age": ("old",)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "a.toml: title is missing"),
        ({"title": "A", "name": "b"}, "a.toml: unknown key 'name'; known are title, inner, stages, words, new, origin"),
        (
            {"titel": "A"},
            "a.toml: unknown key 'titel'; did you mean 'title'? known are title, inner, stages, words, new, origin",
        ),
        (
            {"title": "A", "fresh": True},
            "a.toml: unknown key 'fresh'; known are title, inner, stages, words, new, origin",
        ),
        ({"title": 1}, "a.toml: title should be text, got 1"),
        ({"title": "A", "new": 1}, "a.toml: new should be a valid boolean, got 1"),
        ({"title": "A", "inner": 5}, "a.toml: inner should be a table, got 5"),
        ({"title": "A", "inner": {"size": True}}, "a.toml: [inner]: size should be a valid integer, got True"),
        ({"title": "A", "inner": {"size": 1.5}}, "a.toml: [inner]: size should be a valid integer, got 1.5"),
        (
            {"title": "A", "inner": {"size": 3}},
            "a.toml: [inner]: size should be greater than or equal to 16, got 3",
        ),
        ({"title": "A", "inner": {"size": 17}}, "a.toml: [inner]: size is prime"),
        ({"title": "A", "inner": {"order": "GRB"}}, "a.toml: [inner]: order should be 'RGB' or 'BGR', got 'GRB'"),
        ({"title": "A", "inner": {"mean": [1, 2]}}, "a.toml: [inner]: mean has too few items, got [1, 2]"),
        ({"title": "A", "inner": {"mean": [1, 2, 3, 4]}}, "a.toml: [inner]: mean has too many items, got [1, 2, 3, 4]"),
        (
            {"title": "A", "stages": [{}, {"sise": 3}]},
            "a.toml: [[stages]] 2: unknown key 'sise'; did you mean 'size'? known are size, order, mean",
        ),
        (
            {"title": "A", "origin": {"sise": 3}},
            "a.toml: [origin]: unknown key 'sise'; did you mean 'size'? known are size, order, mean",
        ),
        ({"title": "A", "origin": 3}, "a.toml: origin should be a table, got 3"),
        ({"title": "A", "stages": {}}, "a.toml: stages should be a list, got {}"),
        ({"title": "A", "words": {"age": 3}}, "a.toml: [words]: age should be a list, got 3"),
        ({"title": "A", "words": {"age": [3]}}, "a.toml: [words]: age should be text, got 3"),
    ],
)
def test_errors_name_table_key_and_allowed_values(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        outer(**values)
    assert str(error.value) == message


def test_content_that_is_not_a_table_is_refused_with_the_requested_error() -> None:
    with pytest.raises(ModelError, match=r"^card\.json: the content should be a table, got 5$"):
        parse(Outer, 5, "card.json", error=ModelError)


@pytest.mark.parametrize(
    ("kind", "args", "values", "message"),
    [
        (gfpipe.Analysis, (), {"sampling": "slow"}, "sampling should be 'keyframes' or 'exact', got 'slow'"),
        (gfpipe.Analysis, ("slow",), {}, "sampling should be 'keyframes' or 'exact', got 'slow'"),
        (gfpipe.Analysis, (), {"every_seconds": 0}, "every_seconds: 0 is not between 0.04 and 3600"),
        (
            gfpipe.Analysis,
            (),
            {"evry_seconds": 1},
            "unknown key 'evry_seconds'; did you mean 'every_seconds'?",
        ),
        (gfpipe.Counting, (), {"min_score": 2}, "min_score should be less than 1, got 2"),
        (gfpipe.Limits, (), {"memory_gib": 0}, "memory_gib: 0 is not between 0.25 and 4096"),
        (CropRetention, (), {}, "expires is missing"),
    ],
)
def test_settings_made_in_python_say_in_one_line_what_is_wrong(
    kind: Callable[..., object], args: tuple[object, ...], values: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        kind(*args, **values)
    assert str(error.value).startswith(f"{getattr(kind, '__name__', '')}: {message}")
    assert "\n" not in str(error.value)


def test_changed_settings_are_validated_too() -> None:
    changes: dict[str, Any] = {"device": "tpu"}
    with pytest.raises(
        UsageError, match=r"^Analysis: device should be 'auto', 'cpu', 'openvino' or 'cuda', got 'tpu'$"
    ):
        replace(gfpipe.Analysis(), **changes)


def test_settings_made_in_python_take_values_by_position_and_name() -> None:
    assert gfpipe.Limits(5, memory_gib=2) == parse(gfpipe.Limits, {"stall_seconds": 5, "memory_gib": 2})
    assert pickle.loads(pickle.dumps(gfpipe.Limits(5))) == gfpipe.Limits(stall_seconds=5)  # noqa: S301 - our own
